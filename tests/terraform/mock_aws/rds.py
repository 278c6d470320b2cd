"""Databases of RDS."""

import uuid

# Of RDS for PostgreSQL, 15 and newer.
DEFAULTS = {"rds.force_ssl": "1", "shared_preload_libraries": "pg_stat_statements", "log_lock_waits": "0", "log_min_duration_statement": "-1"}


def as_rds_says(parameter):
    """A parameter that is given its default is not the user's afterwards, and applies with a reboot, whatever was asked for."""
    if DEFAULTS.get(parameter["ParameterName"]) == parameter["ParameterValue"]:
        return {**parameter, "Source": "system", "ApplyMethod": "pending-reboot"}
    return {**parameter, "Source": "user"}


def extend():
    """Moto gives every instance the same resource id, by which the provider looks them up, forgets Performance
    Insights, and does not say which parameters a user has set."""
    from moto.rds.models import DBInstance, DBParameterGroup
    from moto.rds.responses import RDSResponse

    init, create = DBInstance.__init__, RDSResponse.create_db_instance

    def init_with_own_id(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self.dbi_resource_id = "db-" + uuid.uuid4().hex[:26].upper()

    def create_db_instance(self):
        result = create(self)
        instance = self.backend.databases[self._get_param("DBInstanceIdentifier")]
        instance.performance_insights_enabled = bool(self._get_param("EnablePerformanceInsights"))
        instance.performance_insights_kms_key_id = self._get_param("PerformanceInsightsKMSKeyId")
        instance.performance_insights_retention_period = self._get_param("PerformanceInsightsRetentionPeriod")
        return result

    update = DBParameterGroup.update_parameters

    def update_parameters(self, parameters):
        update(self, [as_rds_says(parameter) for parameter in parameters])

    DBInstance.__init__, RDSResponse.create_db_instance = init_with_own_id, create_db_instance
    DBParameterGroup.update_parameters = update_parameters
