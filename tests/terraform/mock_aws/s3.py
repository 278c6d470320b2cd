"""Buckets of S3."""


def extend():
    """Moto fails when a bucket is emptied that has marks of deleted objects, as every lock of a state leaves one."""
    from moto.s3.models import FakeDeleteMarker

    FakeDeleteMarker.dispose = lambda _marker, garbage=False: None
