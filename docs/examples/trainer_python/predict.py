#!/usr/bin/env python3
"""Predicts with what train.py left in model/: reads job.json and features.csv, writes predictions.csv."""
import csv
import json
import math
import os


def number(text):
    return float({"true": 1, "false": 0}.get(text, text))


def encode(columns, row):
    """As in train.py."""
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
    """As in train.py."""
    if task == "regression":
        return scores
    if task == "binary":
        return [1 / (1 + math.exp(-max(-700.0, min(700.0, scores[0]))))]
    top = max(scores)
    powers = [math.exp(score - top) for score in scores]
    return [power / sum(powers) for power in powers]


def main():
    with open("job.json", encoding="utf-8") as file:
        job = json.load(file)
    with open(os.path.join(job["paths"]["model"], "model.json"), encoding="utf-8") as file:
        model = json.load(file)
    many = job["task"] == "multiclass"
    header = ["p_" + name for name in job["classes"]] if many else ["prediction"]
    with open(job["paths"]["rows"], newline="", encoding="utf-8") as rows, \
            open(job["paths"]["predictions"], "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(header)
        for row in csv.DictReader(rows):
            features = encode(model["columns"], row)
            scores = [sum(w[place] * value for place, value in features) for w in model["weights"]]
            said = link(job["task"], scores)
            if job["task"] == "regression":
                said = [said[0] * model["label_spread"] + model["label_mean"]]
            writer.writerow(said)


if __name__ == "__main__":
    main()
