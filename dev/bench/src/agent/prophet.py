# Reads a series a line and answers with the seconds that fit and predict take, the
# median of five runs after one to warm up.
import json, logging, sys, time

logging.disable(logging.CRITICAL)
import pandas as pd
from prophet import Prophet


def run(series, frame, future):
    start = time.perf_counter()
    model = Prophet(growth=series["growth"], seasonality_mode=series["mode"])
    model.fit(frame)
    predicted = model.predict(future)
    seconds = time.perf_counter() - start
    assert predicted["yhat_upper"].notna().sum() == len(future)
    return seconds


for line in sys.stdin:
    series = json.loads(line)
    times = lambda seconds: pd.to_datetime(seconds, unit="s")
    frame = pd.DataFrame({"ds": times(series["times"]), "y": series["values"]})
    future = pd.DataFrame({"ds": times(series["ahead"])})
    if series["cap"] is not None:
        frame["cap"] = future["cap"] = series["cap"]
    times = [run(series, frame, future) for _ in range(6)]
    print(sorted(times[1:])[2], flush=True)
