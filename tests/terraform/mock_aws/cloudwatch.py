"""CloudWatch: composite alarms, and the limits of windows, both of which moto lacks."""

import re

DAY = 86_400


def window_problem(periods, evaluated):
    """What AWS says of a window that it does not take: seven days at most, a day where a period is less than an hour."""
    for period in periods:
        if period > 30 and period % 60:
            return "period must be 10, 20, 30 or a multiple of 60"
        if period * evaluated > (DAY if period < 3600 else 7 * DAY):
            return "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400), or seven days"
    return None


def extend():
    from moto.cloudwatch.exceptions import ValidationError
    from moto.cloudwatch.responses import CloudWatchResponse

    put, describe = CloudWatchResponse.put_metric_alarm, CloudWatchResponse.describe_alarms

    def put_metric_alarm(self):
        metrics = self._get_param("Metrics", [])
        periods = [m["MetricStat"]["Period"] for m in metrics if "MetricStat" in m] or [self._get_param("Period")]
        if problem := window_problem([int(p) for p in periods], int(self._get_param("EvaluationPeriods"))):
            raise ValidationError(problem)
        if len([m for m in metrics if "MetricStat" in m]) > 10:
            raise ValidationError("an alarm reads ten metrics at most")
        return put(self)

    def put_composite_alarm(self):
        named = re.findall(r'ALARM\("([^"]+)"\)', self._get_param("AlarmRule"))
        there = {alarm.name for alarm in self.cloudwatch_backend.get_alarms_by_alarm_names(named)}
        if not named or set(named) - there:
            raise ValidationError(f"AlarmRule names alarms that are not there: {sorted(set(named) - there)}")
        return put(self)

    def describe_alarms(self):
        kinds = self._get_param("AlarmTypes", []) or ["MetricAlarm"]
        found = describe(self)
        for kind in {"MetricAlarm", "CompositeAlarm"} - set(kinds):
            found.result[f"{kind}s"] = []
        return found

    CloudWatchResponse.put_metric_alarm = put_metric_alarm
    CloudWatchResponse.put_composite_alarm = put_composite_alarm
    CloudWatchResponse.describe_alarms = describe_alarms
