"""CloudFront."""

import datetime
import uuid

from .wire import ACCOUNT


def extend():
    """VPC origins and the origins of a distribution that name one; cache policies and certificates as AWS answers them."""
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
        now = datetime.datetime.now(datetime.timezone.utc)
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
