//! Holds crate prophet against Stan itself: the model compiled to WebAssembly that augurs
//! brings along, on the series of `crates/prophet/reference`.
//!
//! In scope: log densities reached and forecasts, with Stan running here and now. Out of
//! scope: stored numbers, which the tests of crate prophet compare.
//!
//! Stan's algorithms here are L-BFGS and BFGS. Its Newton needs C++ exceptions to find the
//! length of a step, and this WebAssembly has none: it aborts on every series.

#[path = "../../../crates/prophet/tests/reference/mod.rs"]
mod reference;

use std::sync::{Arc, Mutex};

use augurs_prophet::optimizer::{
    Data, Error, InitialParams, OptimizeOpts, OptimizedParams, Optimizer,
};
use augurs_prophet::wasmstan::WasmstanOptimizer;
use augurs_prophet::{
    Algorithm, FeatureMode, GrowthType, PredictionData, Prophet, ProphetOptions, TrainingData,
};
use prophet::{FixedOrder, Growth, Parameters, Posterior, Seasonality};
use reference::{Series, furthest_apart};

/// Result of one of Stan's algorithms.
#[derive(Debug)]
struct Stopped {
    /// The log density where it stopped.
    log_density: f64,
    /// The forecast of augurs from there.
    forecast: Vec<f64>,
}

/// Remembers where an optimizer stopped, and on which data.
#[derive(Debug, Clone)]
struct Watched<'a> {
    stan: &'a WasmstanOptimizer,
    seen: Arc<Mutex<Option<(Data, OptimizedParams)>>>,
}

impl Optimizer for Watched<'_> {
    fn optimize(
        &self,
        init: &InitialParams,
        data: &Data,
        opts: &OptimizeOpts,
    ) -> Result<OptimizedParams, Error> {
        let answer = self.stan.optimize(init, data, opts)?;
        let mut seen = self
            .seen
            .lock()
            .map_err(|_| Error::static_str("a fit panicked"))?;
        *seen = Some((data.clone(), answer.clone()));
        Ok(answer)
    }
}

impl Series {
    /// The log density that crate prophet reaches, and its forecast.
    ///
    /// # Errors
    /// Those of crate prophet.
    fn ours(&self) -> Result<Stopped, prophet::Error> {
        let fitted = prophet::fit(&self.points, &self.options)?;
        let forecast = fitted
            .predict(&self.ahead)?
            .iter()
            .map(|p| p.value)
            .collect();
        Ok(Stopped {
            log_density: fitted.optimum().log_density,
            forecast,
        })
    }

    /// The log density that Stan reaches, by our function, and augurs's forecast.
    ///
    /// # Errors
    /// When Stan or augurs gives up.
    ///
    /// # Panics
    /// Never: a fit that succeeds has been watched.
    fn stans(
        &self,
        stan: &WasmstanOptimizer,
        algorithm: Algorithm,
    ) -> Result<Stopped, augurs_prophet::Error> {
        let (times, values) = self.points.iter().copied().unzip();
        let mut training = TrainingData::new(times, values)?;
        let mut asked = PredictionData::new(self.ahead.clone());
        let mut options = ProphetOptions {
            uncertainty_samples: 0,
            ..ProphetOptions::default()
        };
        match self.options.growth {
            Growth::Linear => options.growth = GrowthType::Linear,
            Growth::Flat => options.growth = GrowthType::Flat,
            Growth::Logistic { cap } => {
                options.growth = GrowthType::Logistic;
                training = training.with_cap(vec![cap; self.points.len()])?;
                asked = asked.with_cap(vec![cap; self.ahead.len()])?;
            }
        }
        if self.options.seasonality == Seasonality::Multiplicative {
            options.seasonality_mode = FeatureMode::Multiplicative;
        }
        let seen = Arc::default();
        let watched = Watched {
            stan,
            seen: Arc::clone(&seen),
        };
        let mut model = Prophet::new(options, FixedOrder(watched));
        // As Python Prophet calls Stan.
        let how = OptimizeOpts {
            algorithm: Some(algorithm),
            iter: Some(10_000),
            ..OptimizeOpts::default()
        };
        model.fit(training, how)?;
        let forecast = model.predict(asked)?.yhat.point;
        let seen = seen.lock().expect("no fit panicked");
        let (data, at) = seen.as_ref().expect("a fit that succeeded was watched");
        let posterior = Posterior::new(data, false).expect("prepared data");
        let at = Parameters::new(at.k, at.m, &at.delta, &at.beta, *at.sigma_obs);
        Ok(Stopped {
            log_density: posterior.log_density(&at),
            forecast,
        })
    }
}

#[test]
fn stan_agrees_with_our_optimum() {
    let stan = WasmstanOptimizer::new();
    let mut of_one_mind = 0;
    for series in reference::all() {
        let name = &series.name;
        let ours = series.ours().expect(name);
        let stans = [Algorithm::Lbfgs, Algorithm::Bfgs]
            .map(|algorithm| series.stans(&stan, algorithm).expect(name));
        let [lbfgs, bfgs] = &stans;
        let range = series.range();
        let apart = furthest_apart(&lbfgs.forecast, &bfgs.forecast);
        println!(
            "{name}: {:.2e} above L-BFGS, {:.2e} above BFGS; forecasts {:.1e} of the range \
             from L-BFGS, {:.1e} from BFGS, which are {:.1e} apart",
            ours.log_density - lbfgs.log_density,
            ours.log_density - bfgs.log_density,
            furthest_apart(&ours.forecast, &lbfgs.forecast) / range,
            furthest_apart(&ours.forecast, &bfgs.forecast) / range,
            apart / range,
        );
        for stan in &stans {
            let margin = ours.log_density - stan.log_density;
            assert!(margin >= -1e-6, "{name}: {margin:e}");
        }
        if apart <= 1e-3 * range {
            of_one_mind += 1;
            for stan in &stans {
                let off = furthest_apart(&ours.forecast, &stan.forecast);
                assert!(off <= 1e-3 * range, "{name}: {off:e}");
            }
        }
    }
    assert!(of_one_mind >= 3, "{of_one_mind} forecasts were compared");
}
