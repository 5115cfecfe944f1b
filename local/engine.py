"""Runs MiniStack for local/engine.ts, with eight things that it does not offer itself.

- The MQTT port listens on BIND_HOST too: MiniStack opens it on every address, and lets sessions without a certificate
  in, which nobody on the same network should be offered.
- The engine never outlives whoever started it: standard input is a pipe from there, and its end means that the other
  side is gone, however hard it was killed. The engine then saves and stops as on SIGTERM.
- It answers IoT's DeleteConnection, by which a bank whose certificate was revoked is cut off.
- Functions that start at the same moment do not stumble over the list of each other's sessions: the one that did took
  all workers of its function down with it, in the middle of what they were doing.
- The keys that it makes for banks are of an elliptic curve: it makes them in the one loop that everything waits for, where
  one of RSA takes 80 ms.
- EventBridge hands events to Firehose, and Firehose gathers what comes within half a second in one object, a line each,
  where it would write an object for every record.
- It numbers the connections of banks on after a restart, by which news of them are put in order.
- Athena reads a table of JSON by the columns that Glue knows, where it would take those that it finds in the files.
"""

import asyncio
import functools
import json
import os
import signal
import sys
import threading
import time

bind_host = os.environ["BIND_HOST"]
open_server = asyncio.BaseEventLoop.create_server


async def create_server(loop, factory, host=None, port=None, **options):
    return await open_server(loop, factory, bind_host if host == "0.0.0.0" else host, port, **options)


def follow_parent():
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    # Saving takes about 2 s; the process can hang afterwards while something is pending, workers with it.
    time.sleep(20)
    os.killpg(0, signal.SIGKILL)


asyncio.BaseEventLoop.create_server = create_server
threading.Thread(target=follow_parent, daemon=True).start()
sys.argv = ["ministack"]

from ministack.app import main  # noqa: E402  (reads the environment when it is imported)
from ministack.core.responses import error_response_json, json_response  # noqa: E402
from ministack.services import athena, eventbridge, firehose, iot, iot_data, sts  # noqa: E402

handle_iot_data = iot_data.handle_request
connections = "/connections/"


async def handle_request(method, path, headers, body, query_params):
    if method != "DELETE" or not path.startswith(connections):
        return await handle_iot_data(method, path, headers, body, query_params)
    # As the session is ended that another of the same name takes over.
    ended = await iot._force_disconnect_duplicate(
        iot.get_account_id(), iot.get_region(), path[len(connections) :]
    )
    if ended is None:
        return error_response_json("ResourceNotFoundException", "The client is not connected", 404)
    return json_response({})


iot_data.handle_request = handle_request

register_session = sts.register_session
sessions_lock = threading.Lock()


def register_session_alone(access_key, session):
    with sessions_lock:
        register_session(access_key, session)


sts.register_session = register_session_alone

invoke_target = eventbridge._invoke_target
gathered = {}


def write_gathered(stream):
    lines = b"".join(gathered.pop(stream["name"]))
    for destination in stream["destinations"]:
        firehose._deliver_to_s3(stream, destination, lines)


def invoke_target_or_stream(target, event, rule, view=None):
    spec = eventbridge.parse_arn(target["Arn"])
    if spec.service != "firehose":
        return invoke_target(target, event, rule, view)
    # Our rule hands over the detail, as it was put on the bus (infra/archive.ts).
    assert target["InputPath"] == "$.detail"
    stream = firehose._streams[spec.resource.split("/")[1]]
    if stream["name"] not in gathered:
        gathered[stream["name"]] = []
        asyncio.get_running_loop().call_later(0.5, write_gathered, stream)
    gathered[stream["name"]].append(event["Detail"].encode() + b"\n")


eventbridge._invoke_target = invoke_target_or_stream

table_relation = athena._table_relation


def relation_by_columns(table, files):
    columns = table["StorageDescriptor"]["Columns"]
    if athena._data_format(table) != "json":
        return table_relation(table, files)
    # The names in the files: Glue has them in lower case.
    with open(files[0]) as file:
        names = {name.lower(): name for name in json.loads(file.readline())}
    types = ", ".join(
        f"'{names.get(it['Name'], it['Name'])}': '{firehose._hive_to_duckdb_type(it['Type'])}'" for it in columns
    )
    partitions = athena._hive_options(athena._path_partition_keys(table, files))
    return (
        f"read_json({athena._sql_list(files)}, format = 'newline_delimited', columns = {{{types}}}, {partitions})"
    )


athena._table_relation = relation_by_columns


class Connections(dict):
    """How often each client has connected. Begins with the clock, so that a restart of ours counts on."""

    begin = int(time.time())

    def get(self, client, default=0):
        return super().get(client, self.begin)


iot._presence_versions = Connections()
iot.sign_leaf_certificate = functools.partial(iot.sign_leaf_certificate, key_type="ec256")

main()
