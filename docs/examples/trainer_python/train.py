#!/usr/bin/env python3
"""A linear model for retraind's command trainer, in plain Python.

Reads job.json and train.csv in the current folder and leaves model/model.json. Logistic regression, softmax or least
squares, by stochastic gradient descent; `params` may hold rate (0.3) and penalty (0.001).
"""
import csv
import json
import math
import os
import random


def read_rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def number(text):
    return float({"true": 1, "false": 0}.get(text, text))


def describe(columns, rows):
    """Columns with what encode() needs: mean and spread of numbers, the place of each level, the first weight."""
    out, place = [], 1  # weight 0 is the constant
    for column in columns:
        if column["type"] == "category":
            levels = {level: i for i, level in enumerate(column["levels"])}
            out.append({"name": column["name"], "first": place, "levels": levels})
            place += len(levels)
        else:
            values = [number(row[column["name"]]) for row in rows if row[column["name"]] != ""]
            mean = math.fsum(values) / len(values) if values else 0.0
            spread = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / len(values)) if values else 0.0
            out.append({"name": column["name"], "first": place, "mean": mean, "spread": spread or 1.0})
            place += 2  # the value, and whether it is missing
    return out, place


def encode(columns, row):
    """The row as (place, value) pairs; an empty field is a missing value, or a level that training never saw."""
    out = [(0, 1.0)]
    for column in columns:
        text, first = row[column["name"]], column["first"]
        if "levels" in column:
            if text in column["levels"]:
                out.append((first + column["levels"][text], 1.0))
        elif text == "":
            out.append((first + 1, 1.0))
        else:
            value = (number(text) - column["mean"]) / column["spread"]
            out.append((first, max(-10.0, min(10.0, value))))
    return out


def link(task, scores):
    if task == "regression":
        return scores
    if task == "binary":
        return [1 / (1 + math.exp(-max(-700.0, min(700.0, scores[0]))))]
    top = max(scores)
    powers = [math.exp(score - top) for score in scores]
    return [power / sum(powers) for power in powers]


def targets(job, model, text):
    if job["task"] == "regression":
        return [(float(text) - model["label_mean"]) / model["label_spread"]]
    if job["task"] == "binary":
        return [1.0 if text == job["classes"][1] else 0.0]
    return [1.0 if text == name else 0.0 for name in job["classes"]]


def start(job, rows):
    """The model before the first round: the previous one, where there is one, or all weights 0."""
    if job["previous_model"]:
        with open(os.path.join(job["previous_model"], "model.json"), encoding="utf-8") as file:
            return json.load(file)
    columns, places = describe(job["columns"], rows)
    outputs = len(job["classes"]) if job["task"] == "multiclass" else 1
    model = {"columns": columns, "weights": [[0.0] * places for _ in range(outputs)]}
    if job["task"] == "regression":
        labels = [float(row[job["label"]]) for row in rows]
        mean = math.fsum(labels) / len(labels)
        spread = math.sqrt(math.fsum((y - mean) ** 2 for y in labels) / len(labels))
        model.update(label_mean=mean, label_spread=spread or 1.0)
    return model


def main():
    with open("job.json", encoding="utf-8") as file:
        job = json.load(file)
    rows = read_rows(job["paths"]["rows"])
    model = start(job, rows)
    rate = job["params"].get("rate", 0.3)
    penalty = job["params"].get("penalty", 0.001)
    examples = [
        (encode(model["columns"], row), targets(job, model, row[job["label"]]),
         float(row[job["weight"]]) if job["weight"] else 1.0)
        for row in rows
    ]
    weights = model["weights"]
    squares = [[1e-8] * len(weights[0]) for _ in weights]
    shuffle = random.Random(job["seed"]).shuffle  # the same seed, the same model
    for done in range(1, job["rounds"] + 1):
        shuffle(examples)
        for features, wanted, importance in examples:
            scores = [sum(w[place] * value for place, value in features) for w in weights]
            for w, square, said, truth in zip(weights, squares, link(job["task"], scores), wanted):
                for place, value in features:
                    slope = importance * ((said - truth) * value + penalty * w[place])
                    square[place] += slope * slope
                    w[place] -= rate * slope / math.sqrt(square[place])
        print(f"progress {done}/{job['rounds']}", flush=True)

    os.mkdir(job["paths"]["model"])
    with open(os.path.join(job["paths"]["model"], "model.json"), "w", encoding="utf-8") as file:
        json.dump(model, file)


if __name__ == "__main__":
    main()
