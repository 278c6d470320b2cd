"""What the mock's answers and the reading of its requests have in common."""

import json

ACCOUNT = "123456789012"


def region_of(request):
    """The region that the request is signed for."""
    return request.headers["Authorization"].split("Credential=")[1].split("/")[2]


def answer(status, body):
    return status, {"Content-Type": "application/json"}, json.dumps(body)


def missing(what):
    return 404, {"x-amzn-ErrorType": "ResourceNotFoundException"}, json.dumps({"message": f"no {what}"})


def body_of(request):
    data = request.get_data()
    return json.loads(data) if data else {}
