//! Comparison of crate prophet with Stan itself: the model compiled to WebAssembly that is
//! part of augurs, on the series of `crates/prophet/reference`.
//!
//! In scope: log densities and forecasts, with Stan run by the test. Out of scope: stored
//! results, which the tests of crate prophet compare.
//!
//! The algorithms are L-BFGS and BFGS. Stan's Newton algorithm needs C++ exceptions for its
//! line search; this WebAssembly has none, and it aborts on every series.

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
use reference::{Series, max_difference};

/// The result of an optimization.
#[derive(Debug)]
struct Outcome {
    /// The log density reached.
    log_density: f64,
    /// The forecast from the parameters reached.
    forecast: Vec<f64>,
}

/// Records the data and result of an optimizer.
#[derive(Debug, Clone)]
struct Recording<'a> {
    stan: &'a WasmstanOptimizer,
    recorded: Arc<Mutex<Option<(Data, OptimizedParams)>>>,
}

impl Optimizer for Recording<'_> {
    fn optimize(
        &self,
        init: &InitialParams,
        data: &Data,
        opts: &OptimizeOpts,
    ) -> Result<OptimizedParams, Error> {
        let answer = self.stan.optimize(init, data, opts)?;
        let mut recorded = self
            .recorded
            .lock()
            .map_err(|_| Error::static_str("a fit panicked"))?;
        *recorded = Some((data.clone(), answer.clone()));
        Ok(answer)
    }
}

impl Series {
    /// Returns the result of crate prophet.
    ///
    /// # Errors
    /// Those of crate prophet.
    fn ours(&self) -> Result<Outcome, prophet::Error> {
        let fitted = prophet::fit(&self.points, &self.options)?;
        let forecast = fitted
            .predict(&self.ahead)?
            .iter()
            .map(|p| p.value)
            .collect();
        Ok(Outcome {
            log_density: fitted.optimum().log_density,
            forecast,
        })
    }

    /// Returns the result of Stan: its log density, computed by crate prophet, and the forecast
    /// of augurs.
    ///
    /// # Errors
    /// Those of Stan and augurs.
    fn stans(
        &self,
        stan: &WasmstanOptimizer,
        algorithm: Algorithm,
    ) -> Result<Outcome, augurs_prophet::Error> {
        let (times, values) = self.points.iter().copied().unzip();
        let mut training = TrainingData::new(times, values)?;
        let mut request = PredictionData::new(self.ahead.clone());
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
                request = request.with_cap(vec![cap; self.ahead.len()])?;
            }
        }
        if self.options.seasonality == Seasonality::Multiplicative {
            options.seasonality_mode = FeatureMode::Multiplicative;
        }
        let recorded = Arc::default();
        let recording = Recording {
            stan,
            recorded: Arc::clone(&recorded),
        };
        let mut model = Prophet::new(options, FixedOrder(recording));
        // The options of Python Prophet.
        let optimize_options = OptimizeOpts {
            algorithm: Some(algorithm),
            iter: Some(10_000),
            ..OptimizeOpts::default()
        };
        model.fit(training, optimize_options)?;
        let forecast = model.predict(request)?.yhat.point;
        let recorded = recorded.lock().expect("no fit panicked");
        let (data, at) = recorded.as_ref().expect("a successful fit was recorded");
        let posterior = Posterior::new(data, false).expect("prepared data");
        let at = Parameters::new(at.k, at.m, &at.delta, &at.beta, *at.sigma_obs);
        Ok(Outcome {
            log_density: posterior.log_density(&at),
            forecast,
        })
    }
}

#[test]
fn optimum_agrees_with_stan() {
    let stan = WasmstanOptimizer::new();
    let mut agreeing = 0;
    for series in reference::all() {
        let name = &series.name;
        let ours = series.ours().expect(name);
        let stans = [Algorithm::Lbfgs, Algorithm::Bfgs]
            .map(|algorithm| series.stans(&stan, algorithm).expect(name));
        let [lbfgs, bfgs] = &stans;
        let range = series.range();
        let apart = max_difference(&lbfgs.forecast, &bfgs.forecast);
        println!(
            "{name}: log density {:.2e} above L-BFGS, {:.2e} above BFGS; forecasts differ by \
             {:.1e} of the range from L-BFGS, {:.1e} from BFGS, and those by {:.1e}",
            ours.log_density - lbfgs.log_density,
            ours.log_density - bfgs.log_density,
            max_difference(&ours.forecast, &lbfgs.forecast) / range,
            max_difference(&ours.forecast, &bfgs.forecast) / range,
            apart / range,
        );
        for stan in &stans {
            let margin = ours.log_density - stan.log_density;
            assert!(margin >= -1e-6, "{name}: {margin:e}");
        }
        if apart <= 1e-3 * range {
            agreeing += 1;
            for stan in &stans {
                let off = max_difference(&ours.forecast, &stan.forecast);
                assert!(off <= 1e-3 * range, "{name}: {off:e}");
            }
        }
    }
    assert!(agreeing >= 3, "{agreeing} forecasts were compared");
}
