#!/usr/bin/env python3
"""eloqua-python-sdk, unmodified, against a running daemon that has reading activities and nodes of the type `truck`.
usage: with_eloquasdk.py BASE ACTIVITIES
Says "ok" last; ends with an error where anything is not as it should be."""
import sys, time, uuid

from eloquasdk.bulk import EloquaBulkClient
from eloquasdk.error import EloquaException

# A sync that has not ended by then never will.
DEADLINE = 120


def run(client, uri):
    """Runs a sync to its end, with `callbackUrl: null`, as this client always sends it."""
    sync = client.create_sync(uri)
    assert sync["status"] == "pending" and "callbackUrl" not in sync, sync
    end = time.monotonic() + DEADLINE
    while sync["status"] in ("pending", "active"):
        assert time.monotonic() < end, sync
        time.sleep(0.05)
        sync = client.check_sync_status(sync["uri"])
    return sync


def main():
    base, count = sys.argv[1], int(sys.argv[2])
    client = EloquaBulkClient("COMP\\user", "pw", base)

    # Without fields it asks for all of them.
    export = client.create_export("activities", "activities", activityType="Reading",
                                  filter="'{{Activity.Type}}' = 'Reading'")
    sync = run(client, export["uri"])
    assert sync["status"] == "success", sync
    page = client.get_synced_data(sync["uri"], 0, 50000)
    assert page["totalResults"] == count and len(page["items"]) == count, page["totalResults"]
    assert page["items"][0]["ActivityType"] == "Reading", page["items"][0]
    assert len(client.execute("get_synced_data", sync["uri"], count - 1, 10)["items"]) == 1

    guid = str(uuid.uuid4())
    fields = {"syncGuid": "{{Marking.Field(syncGuid)}}", "AccountId": "{{Marking.Field(AccountId)}}",
              "note": "{{Marking.Field(note)}}", "CharIndexStart": "{{Marking.Field(CharIndexStart)}}"}
    made = client.create_import("markings", "markings", fields, identifier_field_name="syncGuid")
    rows = [{"syncGuid": guid, "AccountId": 3, "note": "by the SDK"},
            {"syncGuid": str(uuid.uuid4()), "AccountId": 3, "CharIndexStart": "no number"}]
    assert client.upload_data(made["uri"] + "/data", rows) is None
    sync = run(client, made["uri"])
    assert sync["status"] == "warning", sync
    # It takes its third argument for headers.
    rejects = client.get_sync_rejects(sync["uri"], "0", "1000")
    assert len(rejects["items"]) == 1 and not rejects["hasMore"], rejects

    trucks = client.create_export("trucks", "customObjects", customObjectName="truck")
    sync = run(client, trucks["uri"])
    assert sync["status"] == "success", sync
    assert client.get_synced_data(sync["uri"], 0, 1000)["items"][0]["driver"] == "Anna"

    try:
        client.create_sync("/activities/exports/999999")
    except EloquaException as error:
        assert "There was a validation error." in str(error.args), error.args
    else:
        raise AssertionError("a sync of nothing was made")
    print("ok")


main()
