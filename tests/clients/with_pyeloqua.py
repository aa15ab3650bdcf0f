#!/usr/bin/env python3
"""pyeloqua, unmodified, against a running daemon.
usage: with_pyeloqua.py BASE MARKINGS
BASE is the address of the Bulk shapes, MARKINGS a file of JSON markings, one a line, which the daemon does not have.
Says "ok" last; ends with an error where anything is not as it should be."""
import json, os, sys, tempfile

from pyeloqua import Bulk
from pyeloqua.error_handling import EloquaValidationError

# Between two looks at a sync: the default is 5 s, for servers far away.
PAUSE = 0.1
# Rows of one upload.
UPLOAD = 2500
# Members of a marking that clients may write; `id` is the daemon's own number.
MEMBERS = ["syncGuid", "groupId", "AccountId", "bookID", "version", "content", "chapter", "chapterId", "section",
           "subSection1", "subSection2", "CharIndexStart", "CharIndexEnd", "note", "color", "type", "actionType",
           "textLength", "selectionOuterHtml", "selectionInnerHtml", "Timestamp", "SyncIsRemoved",
           "selectionParentOuterHtml", "ignoreParentChildRelationship"]


def client(base):
    bulk = Bulk(test=True)
    bulk.auth = ("COMP\\user", "pw")
    bulk.bulk_base = base + "/"
    return bulk


def of_markings(base, job_type):
    """`exports()` and `imports()` know Eloqua's objects alone; a job that was saved may be of any."""
    bulk = client(base)
    job = {"filters": [], "fields": [], "job_type": job_type, "elq_object": "markings", "obj_id": None,
           "act_type": None, "options": {}}
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        json.dump(job, file)
    bulk.read_job(file.name)
    os.unlink(file.name)
    return bulk


def text(value):
    """As exports show values."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def count(bulk, code):
    found = [item["count"] for item in bulk.get_sync_logs() if item["statusCode"] == code]
    assert found, (code, bulk.get_sync_logs())
    return found[0]


def import_markings(base, markings):
    bulk = of_markings(base, "imports")
    bulk.add_fields(MEMBERS)
    bulk.add_options(identifierFieldName="syncGuid")
    bulk.create_def("markings of pyeloqua")
    assert bulk.job_def["uri"].startswith("/markings/imports/"), bulk.job_def
    for first in range(0, len(markings), UPLOAD):
        rows = [{name: marking[name] for name in MEMBERS} for marking in markings[first:first + UPLOAD]]
        bulk.post_data(rows)
    status = bulk.sync(sleeptime=PAUSE)
    assert status == "success", (status, bulk.get_sync_logs())
    assert count(bulk, "ELQ-00130") == len(markings)
    assert count(bulk, "ELQ-00001") == len(markings)
    assert count(bulk, "ELQ-00060") == 0
    assert bulk.get_sync_rejects() == []


def export_markings(base, markings):
    bulk = of_markings(base, "exports")
    bulk.add_fields(MEMBERS)
    bulk.filter_equal("SyncIsRemoved", "false")
    bulk.filter_date("Timestamp", start="2000-01-01 00:00:00", end="2100-01-01 00:00:00")
    bulk.create_def("markings of pyeloqua")
    bulk.handle_sync(sleeptime=PAUSE)
    assert bulk.job_sync["status"] == "success", bulk.job_sync
    assert bulk.get_export_count() == len(markings)
    rows = bulk.get_export_data()
    assert len(rows) == len(markings), len(rows)
    found = {row["syncGuid"]: row for row in rows}
    assert len(found) == len(markings), "a row is there twice"
    for marking in markings:
        row = found[marking["syncGuid"]]
        for name in MEMBERS:
            assert row[name] == text(marking[name]), (name, row[name], marking[name])
    assert count(bulk, "ELQ-00102") == len(markings)


def contacts(base):
    bulk = client(base)
    bulk.imports("contacts")
    bulk.add_fields(["C_EmailAddress", "C_FirstName", "AccountId", "FontSize"])
    bulk.add_options(identifierFieldName="AccountId")
    bulk.create_def("contacts of pyeloqua")
    bulk.post_data([{"AccountId": "31", "C_EmailAddress": "ä@example.org", "C_FirstName": "Änne", "FontSize": "12"},
                    {"AccountId": "32", "C_EmailAddress": "b@example.org", "C_FirstName": "Bert", "FontSize": "big"}])
    bulk.handle_sync(sleeptime=PAUSE)
    assert bulk.job_sync["status"] == "warning", bulk.job_sync
    rejects = bulk.get_sync_rejects()
    assert len(rejects) == 1 and rejects[0]["fieldValues"]["FontSize"] == "big", rejects
    assert rejects[0]["invalidFields"] == ["FontSize"], rejects

    bulk = client(base)
    bulk.exports("contacts")
    # With the fields that it always asks for: contactID, isSubscribed, emailFormat and others.
    bulk.add_fields()
    bulk.filter_equal("C_EmailAddress", "ä@example.org")
    bulk.create_def("contacts of pyeloqua")
    assert bulk.sync(sleeptime=PAUSE) == "success", bulk.get_sync_logs()
    rows = bulk.get_export_data()
    assert len(rows) == 1, rows
    assert rows[0]["C_FirstName"] == "Änne" and rows[0]["contactID"] == "31", rows
    assert rows[0]["isBounced"] == "", rows
    assert all(isinstance(value, str) for value in rows[0].values()), rows


def activities(base):
    """Activities of Eloqua are asked for by types that nothing here has: none is found, and nothing fails."""
    for act_type in ["EmailOpen", "WebVisit", "FormSubmit", "Bounceback"]:
        bulk = client(base)
        bulk.exports("activities", act_type=act_type)
        bulk.add_fields()
        bulk.create_def("activities of pyeloqua")
        assert bulk.sync(sleeptime=PAUSE) == "warning", bulk.get_sync_logs()
        assert bulk.get_export_data() == []
    bulk = client(base)
    bulk.exports("activities", act_type="CommonFields")
    bulk.job["filters"] = [" '{{Activity.Type}}' = 'MarkingCreated' "]
    bulk.add_fields()
    bulk.create_def("activities of pyeloqua")
    assert bulk.sync(sleeptime=PAUSE) == "success", bulk.get_sync_logs()
    rows = bulk.get_export_data()
    assert len(rows) == bulk.get_export_count() and rows[0]["ActivityType"] == "MarkingCreated", rows[:1]


def errors(base):
    bulk = of_markings(base, "exports")
    bulk.add_fields(["note"])
    bulk.job["filters"] = [" nonsense "]
    try:
        bulk.create_def("nonsense")
    except EloquaValidationError as error:
        assert error.args[0] == 400 and error.args[1]["failures"][0]["field"] == "filter", error.args
    else:
        raise AssertionError("a filter that is none was taken")


def main():
    base, path = sys.argv[1], sys.argv[2]
    with open(path, encoding="utf-8") as lines:
        markings = [json.loads(line) for line in lines]
    import_markings(base, markings)
    export_markings(base, markings)
    contacts(base)
    activities(base)
    errors(base)
    print("ok")


main()
