"""Functions that make real libraries raise, each in its own way."""

from __future__ import annotations


def json_decode():
    import json

    json.loads("{")


def url():
    import urllib.error

    raise urllib.error.URLError(OSError(113, "No route to host"))


def http_with_an_open_body():
    import os
    import urllib.error

    raise urllib.error.HTTPError("http://x", 500, "Server Error", {}, open(os.devnull, "rb"))  # noqa: SIM115


def incomplete_read():
    import http.client

    raise http.client.IncompleteRead(b"part", 10)


def certificate():
    import ssl

    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = 18
    raise error


def unknown_host():
    import socket

    raise socket.gaierror(-2, "Name or service not known")


def failed_process():
    import subprocess
    import sys

    subprocess.run([sys.executable, "-c", "exit(3)"], check=True, capture_output=True)


def slow_process():
    import subprocess

    raise subprocess.TimeoutExpired(["sleep", "9"], 1.5, output=b"so far")


def sqlite_integrity():
    import sqlite3

    with sqlite3.connect(":memory:") as connection:
        connection.execute("create table t (a integer unique)")
        connection.executemany("insert into t values (?)", [(1,), (1,)])


def damaged_zlib():
    import zlib

    zlib.decompress(b"none")


def damaged_lzma():
    import lzma

    lzma.decompress(b"none")


def damaged_tar():
    import io
    import tarfile

    tarfile.open(fileobj=io.BytesIO(b"none"))  # noqa: SIM115


def damaged_zip():
    import io
    import zipfile

    zipfile.ZipFile(io.BytesIO(b"none"))


def struct_of_another_size():
    import struct

    struct.unpack("i", b"a")


def decimal_invalid():
    import decimal

    decimal.Decimal("one")


def undecodable():
    b"\xff".decode()


def unencodable():
    "é".encode("ascii")


def missing_key():
    {}[("a", 1)]


def missing_file():
    open("/no/such/file")  # noqa: SIM115


def syntax():
    compile("a = (", "<formula>", "exec")


def missing_module():
    import email.no_such_module  # noqa: F401


def missing_attribute():
    (5).missing


def missing_name():
    missing_name_of_all  # noqa: F821


def xml_syntax():
    import xml.etree.ElementTree as ElementTree

    ElementTree.fromstring("<a>")


def config_syntax():
    import configparser

    configparser.ConfigParser().read_string("[a]\nb")


def argument():
    import argparse

    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--n", type=int)
    parser.parse_args(["--n", "x"])


def pydantic_validation():
    import pydantic

    class Model(pydantic.BaseModel):
        a: int

    Model(a="x")


def pandas_parser():
    import io

    import pandas as pd

    pd.read_csv(io.StringIO("a,b\n1,2\n1,2,3"))


def pandas_bounds():
    import pandas as pd

    pd.Timestamp("3000-01-01").as_unit("ns")


def pandas_merge():
    import pandas as pd

    left = pd.DataFrame({"k": [1, 1]})
    left.merge(left, on="k", validate="one_to_one")


def numpy_axis():
    import numpy as np

    np.zeros(3).sum(axis=4)


def numpy_singular():
    import numpy as np

    np.linalg.inv(np.zeros((2, 2)))


def arrow_invalid():
    import pyarrow as pa

    pa.array([1, "a"])


def sklearn_not_fitted():
    from sklearn.linear_model import LinearRegression

    LinearRegression().predict([[1]])


def sklearn_parameter():
    from sklearn.linear_model import Ridge

    Ridge(alpha="x").fit([[1]], [1])


def click_parameter():
    import click

    command = click.Command("c", params=[click.Option(["--n"], type=int)])
    command.make_context("c", ["--n", "x"])


def jinja_syntax():
    import jinja2

    jinja2.Environment().from_string("{% if %}")


def jinja_undefined():
    import jinja2

    jinja2.Environment(undefined=jinja2.StrictUndefined).from_string("{{ a }}").render()


def boto_client():
    import botocore.exceptions

    response = {"Error": {"Code": "NoSuchKey", "Message": "gone"}, "ResponseMetadata": {}}
    raise botocore.exceptions.ClientError(response, "GetObject")


def boto_connection():
    import botocore.exceptions

    raise botocore.exceptions.EndpointConnectionError(endpoint_url="http://x", error="refused")


def aiohttp_response():
    import aiohttp
    import yarl

    address = yarl.URL("http://x")
    info = aiohttp.RequestInfo(address, "GET", {}, address)
    raise aiohttp.ClientResponseError(info, (), status=404, message="Not Found")


def aiohttp_connector():
    import aiohttp
    from aiohttp.client_reqrep import ConnectionKey

    key = ConnectionKey("x", 80, False, True, None, None, None)
    raise aiohttp.ClientConnectorError(key, OSError(111, "refused"))


def tornado_http():
    import tornado.web

    raise tornado.web.HTTPError(404, "no %s", "page")


def yaml_scanner():
    import yaml

    yaml.safe_load("a: [")


def fsspec_file():
    import fsspec

    fsspec.open("memory://no/such").open()


def zarr_group():
    import zarr

    zarr.open_group("memory://no-such", mode="r")


def numba_typing():
    from numba.core import errors, ir

    raise errors.TypingError("no addition of text", loc=ir.Loc("x.py", 3))


def attrs_frozen():
    import attrs

    @attrs.frozen
    class Point:
        x: int

    Point(1).x = 2


def jsonschema_validation():
    import jsonschema

    jsonschema.validate({"a": "x"}, {"properties": {"a": {"type": "integer"}}})


def jmespath_parse():
    import jmespath

    jmespath.compile("a[")


def requests_status():
    import requests

    response = requests.Response()
    response.status_code, response.url, response.reason = 503, "http://x", "Busy"
    response.raise_for_status()


def urllib3_retries():
    import urllib3

    pool = urllib3.HTTPConnectionPool("x")
    raise urllib3.exceptions.MaxRetryError(pool, "/a", OSError(111, "refused"))


def dateutil_parser():
    import dateutil.parser

    dateutil.parser.parse("no date")


def networkx_path():
    import networkx as nx

    nx.shortest_path(nx.empty_graph(2), 0, 1)


def sympy_sympify():
    import sympy

    sympy.sympify("1 +* 2")


def werkzeug_not_found():
    import werkzeug.exceptions

    raise werkzeug.exceptions.NotFound("no page")


def moto_bucket():
    import moto.s3.exceptions

    raise moto.s3.exceptions.MissingBucket(bucket="b")


def exception_group():
    raise ExceptionGroup("several", [KeyError("a"), ExceptionGroup("inner", [OSError(2, "b")])])


RAISERS = {name: each for name, each in list(globals().items()) if callable(each)}
