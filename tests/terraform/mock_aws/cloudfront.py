"""CloudFront."""

import datetime
import uuid

from .wire import ACCOUNT


def extend():
    """VPC origins and the origins of a distribution that name one; cache policies; what a distribution answers of both and of
    certificates."""
    import moto.cloudfront.urls as urls
    from moto.cloudfront.exceptions import CloudFrontException
    from moto.cloudfront.models import DefaultCacheBehaviour, Origin, ViewerCertificate
    from moto.cloudfront.responses import CloudFrontResponse
    from moto.core.responses import ActionResult, EmptyResult

    origins = {}

    def result(origin):
        return ActionResult({"VpcOrigin": origin, "ETag": "E1", "Location": origin["Id"]})

    def create(self):
        identity = "vo_" + uuid.uuid4().hex[:22]
        arn = f"arn:aws:cloudfront::{ACCOUNT}:vpcorigin/{identity}"
        now = datetime.datetime.now(datetime.UTC)
        origins[identity] = {
            "Id": identity,
            "Arn": arn,
            "Status": "Deployed",
            "CreatedTime": now,
            "LastModifiedTime": now,
            "VpcOriginEndpointConfig": self._get_param("VpcOriginEndpointConfig"),
        }
        self.backend.tagger.tag_resource(arn, self._get_param("Tags.Items", []) or [])
        return result(origins[identity])

    def get(self):
        identity = self._get_param("Id")
        if identity not in origins:
            raise CloudFrontException("EntityNotFound", "there is no such origin")
        return result(origins[identity])

    def delete(self):
        del origins[self._get_param("Id")]
        return EmptyResult()

    CloudFrontResponse.create_vpc_origin, CloudFrontResponse.get_vpc_origin = create, get
    CloudFrontResponse.delete_vpc_origin = delete
    urls.url_paths["{0}/2020-05-31/vpc-origin$"] = CloudFrontResponse.dispatch
    urls.url_paths["{0}/2020-05-31/vpc-origin/(?P<origin_id>[^/]+)$"] = CloudFrontResponse.dispatch

    policies = {}

    def answer_policy(policy):
        return ActionResult({"CachePolicy": policy, "ETag": "E1", "Location": policy["Id"]})

    def create_policy(self):
        identity = str(uuid.uuid4())
        now = datetime.datetime.now(datetime.UTC)
        policies[identity] = {"Id": identity, "LastModifiedTime": now, "CachePolicyConfig": self._get_param("CachePolicyConfig")}
        return answer_policy(policies[identity])

    def get_policy(self):
        if self._get_param("Id") not in policies:
            raise CloudFrontException("NoSuchCachePolicy", "there is no such policy")
        return answer_policy(policies[self._get_param("Id")])

    def delete_policy(self):
        del policies[self._get_param("Id")]
        return EmptyResult()

    def list_policies(_self):
        summaries = [{"Type": "custom", "CachePolicy": policy} for policy in policies.values()]
        return ActionResult({"CachePolicyList": {"MaxItems": 100, "Quantity": len(summaries), "Items": summaries}})

    CloudFrontResponse.create_cache_policy, CloudFrontResponse.get_cache_policy = create_policy, get_policy
    CloudFrontResponse.delete_cache_policy, CloudFrontResponse.list_cache_policies = delete_policy, list_policies
    urls.url_paths["{0}/2020-05-31/cache-policy$"] = CloudFrontResponse.dispatch
    urls.url_paths["{0}/2020-05-31/cache-policy/(?P<policy_id>[^/]+)$"] = CloudFrontResponse.dispatch

    unique_aliases(CloudFrontException)

    init = Origin.__init__

    def init_with_vpc_origin(self, origin):
        init(self, origin)
        if "VpcOriginConfig" in origin:
            self.vpc_origin_config = {"OriginKeepaliveTimeout": 5, "OriginReadTimeout": 30, **origin["VpcOriginConfig"]}

    Origin.__init__ = init_with_vpc_origin
    behaviour, certificate = DefaultCacheBehaviour.__init__, ViewerCertificate.__init__

    def behaviour_with_policy(self, config):
        behaviour(self, config)
        if self.cache_policy_id:
            self.forwarded_values = None

    def certificate_of_ones_own(self, config):
        certificate(self, config)
        if self.acm_certificate_arn:
            self.cloud_front_default_certificate = False

    DefaultCacheBehaviour.__init__, ViewerCertificate.__init__ = behaviour_with_policy, certificate_of_ones_own


def unique_aliases(problem):
    """Worldwide a name is one distribution's, whoever else asks for it."""
    from moto.cloudfront.models import CloudFrontBackend

    create, update = CloudFrontBackend.create_distribution_with_tags, CloudFrontBackend.update_distribution

    def free(backend, config, own=None):
        wanted = set(config.get("Aliases", {}).get("Items", []))
        for identity, distribution in backend.distributions.items():
            if identity != own and wanted & set(distribution.Aliases.get("Items", [])):
                raise problem("CNAMEAlreadyExists", "One or more of the CNAMEs you provided are already associated with a different resource.")

    def create_distribution_with_tags(self, distribution_config, tags):
        free(self, distribution_config)
        return create(self, distribution_config, tags)

    def update_distribution(self, dist_config, _id, if_match):
        free(self, dist_config, _id)
        return update(self, dist_config, _id, if_match)

    CloudFrontBackend.create_distribution_with_tags, CloudFrontBackend.update_distribution = create_distribution_with_tags, update_distribution
