"""What one would write in Python instead of a run: read, split by time, train, measure, and say how long XGBoost took.

Debian has no Python package of XGBoost, so its library is called by way of ctypes, with the very calls the package makes.
Nor can its scikit-learn be installed beside the Boost that retraind is built with: the metrics are numpy's, a pass each.
"""

import ctypes
import json
import os
import sys
import time

import numpy
import pandas
import sqlalchemy

query, rounds = sys.argv[1], int(sys.argv[2])
engine = sqlalchemy.create_engine("postgresql+psycopg2:///source", connect_args={"host": os.environ["PGHOST"], "user": "postgres"})
with engine.connect() as connection:
    rows = pandas.read_sql(sqlalchemy.text(query), connection).sort_values("ts")
features = [name for name in rows.columns if name.startswith("x")]
cut = int(len(rows) * 0.8)
train, holdout = rows.iloc[:cut], rows.iloc[cut:]

library = ctypes.CDLL("libxgboost.so.0")
library.XGBGetLastError.restype = ctypes.c_char_p
inside = 0.0


def call(name, *arguments):
    global inside
    begun = time.monotonic()
    failed = getattr(library, name)(*arguments)
    inside += time.monotonic() - begun
    if failed:
        raise RuntimeError(library.XGBGetLastError().decode())


def matrix(frame):
    values = numpy.ascontiguousarray(frame[features].to_numpy(), dtype=numpy.float32)
    handle = ctypes.c_void_p()
    call("XGDMatrixCreateFromMat", values.ctypes.data_as(ctypes.c_void_p), ctypes.c_ulong(values.shape[0]),
         ctypes.c_ulong(values.shape[1]), ctypes.c_float(float("nan")), ctypes.byref(handle))
    labels = numpy.ascontiguousarray(frame["y"], dtype=numpy.float32)
    call("XGDMatrixSetFloatInfo", handle, b"label", labels.ctypes.data_as(ctypes.c_void_p), ctypes.c_ulong(len(labels)))
    return handle


dtrain, dholdout = matrix(train), matrix(holdout)
booster = ctypes.c_void_p()
call("XGBoosterCreate", ctypes.byref(dtrain), ctypes.c_ulong(1), ctypes.byref(booster))
for name, value in {"objective": "binary:logistic", "tree_method": "hist", "max_depth": "6", "nthread": "2"}.items():
    call("XGBoosterSetParam", booster, name.encode(), value.encode())
for number in range(rounds):
    call("XGBoosterUpdateOneIter", booster, ctypes.c_int(number), dtrain)
length, out = ctypes.c_ulong(), ctypes.POINTER(ctypes.c_float)()
call("XGBoosterPredict", booster, dholdout, ctypes.c_int(0), ctypes.c_uint(0), ctypes.c_int(0), ctypes.byref(length), ctypes.byref(out))
scores = numpy.ctypeslib.as_array(out, shape=(length.value,)).astype(float)
actual = holdout["y"].to_numpy()


def auc():
    order = numpy.argsort(scores, kind="stable")
    ranked = scores[order]
    first = numpy.r_[True, ranked[1:] != ranked[:-1]]
    starts = numpy.flatnonzero(first)
    middle = (starts + numpy.r_[starts[1:], len(ranked)] + 1) / 2  # mean rank of a group of ties
    ranks = middle[numpy.cumsum(first) - 1]
    positive = actual[order] == 1
    n = positive.sum()
    return (ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(actual) - n))


figures = {"auc": auc(), "log_loss": -numpy.mean(numpy.log(numpy.where(actual == 1, scores, 1 - scores))),
           "brier": numpy.mean((actual - scores) ** 2), "accuracy": numpy.mean((scores > 0.5) == actual)}
print(json.dumps({"xgboost": inside, **figures}))
