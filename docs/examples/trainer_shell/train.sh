#!/bin/sh
# The mean of the label for each value of one column, by POSIX sh and awk: params = { by = "shop" } names the column.
# For regression and binary, and for rows in which no field needs quotes.
set -eu

# The text of a key in job.json; empty where it is no text.
text_of() { sed -n 's/.*"'"$1"'":"\([^"\\]*\)".*/\1/p' job.json; }
fail() { echo "$1" >&2; exit 1; }

task=$(text_of task)
[ "$task" != multiclass ] || fail "this example is for binary and regression"
! grep -q '"' train.csv || fail "this example does not read quoted fields"
BY=$(text_of by)
[ -n "$BY" ] || fail 'set params = { by = "COLUMN" }'
LABEL=$(text_of label)
WEIGHT=$(text_of weight)
POSITIVE=$(sed -n 's/.*"classes":\["[^"]*","\([^"]*\)"\].*/\1/p' job.json)
export BY LABEL WEIGHT POSITIVE

awk -F, '
  NR == 1 {
    for (i = 1; i <= NF; i++) column[$i] = i
    if (!(ENVIRON["BY"] in column)) { print "there is no column " ENVIRON["BY"] > "/dev/stderr"; failed = 1; exit 1 }
    by = column[ENVIRON["BY"]]; label = column[ENVIRON["LABEL"]]; weight = column[ENVIRON["WEIGHT"]]
    next
  }
  {
    y = ENVIRON["POSITIVE"] == "" ? $label : ($label == ENVIRON["POSITIVE"])
    w = weight ? $weight : 1
    sum[$by] += w * y; count[$by] += w; all += w * y; rows += w
  }
  END {
    if (failed) exit 1
    # Ten rows of the overall mean beside those of each value, so that rare values say little.
    for (value in count) printf "%s,%.17g\n", value, (sum[value] + 10 * all / rows) / (count[value] + 10)
    printf "%.17g\n", all / rows > "mean"
  }' train.csv > means
mkdir model
mv mean model/mean
LC_ALL=C sort means > model/means.csv  # awk has no order of its own, and the same rows should give the same files
printf '%s\n' "$BY" > model/by
