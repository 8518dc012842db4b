"""Writes numbers.json: results of Python Prophet for series of various kinds.

Run by `just prophet-reference`. Each series is fitted twice, with Stan's L-BFGS and its
Newton algorithm; `default` is the one that Python Prophet uses by default (Newton below 100
points). Prophet's fallback to Newton if L-BFGS fails is disabled, so that each result is
from the algorithm it is stored under.

`probes` are two points away from any optimum with Stan's log density and gradient (last
element: with respect to log sigma), for comparison with ours; `jacobian` is true for the
density over log sigma instead of sigma.
"""

import dataclasses
import json
import logging
import pathlib

import numpy as np
import pandas as pd

logging.getLogger("prophet.plot").disabled = True
from prophet import Prophet  # noqa: E402  (after its plotting log is disabled)

for name in ("cmdstanpy", "prophet"):
    logging.getLogger(name).disabled = True

MINUTE, HOUR, DAY = 60, 3600, 86400
POINTS, AHEAD = 240, 30
START = 1_700_000_000


def series():
    """Yields name, step in seconds, values (NaN: missing) and options of each series."""
    random = np.random.default_rng(20240229)
    t = np.arange(POINTS)

    def noise(scale):
        return random.normal(0, scale, POINTS)

    def wave(points):
        return np.sin(2 * np.pi * t / points)

    def saturating(rate, middle):
        return 1 / (1 + np.exp(-rate * (t / POINTS - middle)))

    yield "flat noise", MINUTE, 2 + noise(0.2), {}
    yield "linear trend", MINUTE, 1 + 0.01 * t + noise(0.05), {}
    bent = np.interp(t, [0, 80, 150, POINTS], [1.0, 1.8, 1.1, 2.9])
    yield "trend with changepoints", MINUTE, bent + noise(0.05), {}
    yield "daily", 20 * MINUTE, 3 + wave(72) + 0.3 * wave(36) + noise(0.1), {}
    weekend = np.where(t % 112 > 80, 0.8, 0.0)
    yield "weekly and daily", 90 * MINUTE, 3 + wave(16) - weekend + noise(0.1), {}
    yield "yearly and weekly", 4 * DAY, 5 + 0.01 * t + wave(91.3) + noise(0.1), {}
    logistic = {"growth": "logistic", "cap": 4.0}
    yield "saturating", MINUTE, 4 * saturating(9, 0.5) + noise(0.05), logistic
    falling = 2 * saturating(-8, 0.4) + 1 + 0.4 * wave(72)
    yield "falling logistic, daily", 20 * MINUTE, falling + noise(0.1), logistic
    yield "flat growth, daily", 20 * MINUTE, 5 + wave(72) + noise(0.2), {"growth": "flat"}
    swelling = (1 + 0.01 * t) * (1 + 0.3 * wave(72)) + noise(0.05)
    yield "multiplicative daily", 20 * MINUTE, swelling, {"mode": "multiplicative"}
    yield "outliers", MINUTE, 2 + 0.1 * random.standard_t(1.5, POINTS), {}
    holed = 1 + 0.01 * t + wave(72) + noise(0.1)
    holed[40:75] = np.nan
    holed[150:160] = np.nan
    holed[random.choice(POINTS, 12, replace=False)] = np.nan
    yield "gaps", 20 * MINUTE, holed, {}
    yield "short", MINUTE, (1 + 0.02 * t + noise(0.1))[:60], {}
    yield "step", MINUTE, np.where(t < 120, 1.0, 3.0) + noise(0.05), {}
    yield "random walk", MINUTE, 5 + np.cumsum(noise(0.1)), {}
    yield "bytes, leaking", MINUTE, np.round(1.2e10 + 2e6 * t + noise(1e7)), {}
    yield "almost constant", MINUTE, 2 + noise(1e-4), {}
    # On this series Stan's L-BFGS stops far below the maximum.
    yield "slow wave", MINUTE, 2 + wave(157) + noise(0.02), {}
    bursts = np.where(random.random(POINTS) < 0.08, random.gamma(2, 1, POINTS), 0)
    yield "bursts", MINUTE, np.abs(0.2 + bursts + noise(0.02)), {}


def fit(frame, options, algorithm):
    """Returns a model fitted by one of Stan's algorithms."""
    model = Prophet(
        growth=options.get("growth", "linear"),
        seasonality_mode=options.get("mode", "additive"),
    )
    model.stan_backend.set_options(newton_fallback=False)
    return model.fit(frame, algorithm=algorithm, sig_figs=18)


def parameters(model):
    """Returns the parameters at which Stan stopped."""
    return {
        "k": float(model.params["k"][0, 0]),
        "m": float(model.params["m"][0, 0]),
        "delta": model.params["delta"][0].tolist(),
        "beta": model.params["beta"][0].tolist(),
        "sigma": float(model.params["sigma_obs"][0, 0]),
    }


def probes(model, frame, around):
    """Yields Stan's log density and gradient at two points near `around`, with nonzero delta."""
    prepared = model.preprocess(frame)
    start = dataclasses.asdict(model.calculate_initial_params(prepared.K))
    _, data = model.stan_backend.prepare_data(start, dataclasses.asdict(prepared))
    random = np.random.default_rng(7)
    for spread, jacobian in ((0.05, False), (0.3, True)):
        point = {
            "k": around["k"] + random.normal(0, spread),
            "m": around["m"] + random.normal(0, spread),
            "delta": random.normal(0, spread, len(around["delta"])).round(6).tolist(),
            "beta": random.normal(0, spread, len(around["beta"])).round(6).tolist(),
            "sigma": around["sigma"] * float(np.exp(random.normal(0, spread))),
        }
        given = {**point, "sigma_obs": point["sigma"]}
        stan = model.stan_backend.model
        answer = stan.log_prob(given, data, jacobian=jacobian, sig_figs=18).iloc[0]
        gradient = [
            float(answer[f"g_{name}"])
            for name in ["k", "m"]
            + [f"delta.{j + 1}" for j in range(len(point["delta"]))]
            + [f"beta.{j + 1}" for j in range(len(point["beta"]))]
            + ["sigma_obs"]
        ]
        density = {"log_density": float(answer["lp__"]), "gradient": short(gradient)}
        yield {"jacobian": jacobian, **point, **density}


def short(values):
    """Rounds to ten significant digits, more than the comparisons need."""
    return [float(f"{value:.10g}") for value in values]


def numbers(step, values, options):
    """Returns the stored entry of one series."""
    cap = options.get("cap")
    values = np.array([float(f"{value:.6g}") if value < 1e6 else value for value in values])
    seconds = START + step * np.arange(len(values))
    frame = pd.DataFrame({"ds": pd.to_datetime(seconds, unit="s"), "y": values})
    ahead = seconds[-1] + step * np.arange(1, AHEAD + 1)
    future = pd.DataFrame({"ds": pd.to_datetime(ahead, unit="s")})
    if cap is not None:
        frame["cap"] = future["cap"] = cap
    present = frame.dropna().reset_index(drop=True)
    answer = {
        "growth": options.get("growth", "linear"),
        "mode": options.get("mode", "additive"),
        "cap": cap,
        "start": START,
        "step": step,
        "values": [None if np.isnan(value) else value for value in values],
        "default": "newton" if len(present) < 100 else "lbfgs",
    }
    for key, algorithm in (("lbfgs", "LBFGS"), ("newton", "Newton")):
        model = fit(present, options, algorithm)
        np.random.seed(0)
        predicted = model.predict(future)
        answer[key] = parameters(model)
        answer[key]["log_density"] = model.stan_fit.optimized_params_dict["lp__"]
        answer[key]["forecast"] = short(predicted["yhat"])
        if key == answer["default"]:
            answer["lower"] = short(predicted["yhat_lower"])
            answer["upper"] = short(predicted["yhat_upper"])
    # A new model: `preprocess` may be called only before fitting.
    fresh = Prophet(growth=answer["growth"], seasonality_mode=answer["mode"])
    answer["probes"] = list(probes(fresh, present, answer["newton"]))
    answer["periods"] = {
        name: {"days": seasonality["period"], "order": seasonality["fourier_order"]}
        for name, seasonality in fresh.seasonalities.items()
    }
    return answer


def main():
    stored = {}
    for name, step, values, options in series():
        stored[name] = numbers(step, values, options)
        print(f"{name}: {stored[name]['lbfgs']['log_density']:.4f} by L-BFGS,"
              f" {stored[name]['newton']['log_density']:.4f} by Newton", flush=True)
    lines = [f"{json.dumps(name)}: {json.dumps(entry, separators=(',', ':'))}" for name, entry in stored.items()]
    path = pathlib.Path(__file__).parent / "numbers.json"
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
