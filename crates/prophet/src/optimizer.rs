//! Stands in for Stan behind augurs's `Optimizer` trait.
//!
//! In scope: taking over what augurs prepared, and keeping what was found. Out of scope:
//! the search itself.

use std::sync::{Arc, OnceLock};

use augurs_prophet::optimizer::{
    Data, Error, InitialParams, OptimizeOpts, OptimizedParams, Optimizer,
};

use crate::ascent::{Optimum, highest};
use crate::parameters::Parameters;
use crate::posterior::{Posterior, check};

/// Finds the parameters of highest posterior density. Clones share what was found.
#[derive(Debug, Clone, Default)]
pub struct MaximumPosterior {
    found: Arc<OnceLock<(Data, Optimum)>>,
}

impl MaximumPosterior {
    /// The prepared data of the first fit, and their optimum.
    #[must_use]
    pub fn found(&self) -> Option<(&Data, &Optimum)> {
        self.found.get().map(|(data, optimum)| (data, optimum))
    }
}

impl Optimizer for MaximumPosterior {
    /// Of the options only `jacobian` means anything here.
    fn optimize(
        &self,
        init: &InitialParams,
        data: &Data,
        opts: &OptimizeOpts,
    ) -> Result<OptimizedParams, Error> {
        let posterior = Posterior::new(data, opts.jacobian.unwrap_or(false));
        let posterior = posterior.map_err(Error::static_str)?;
        if init.delta.len() != data.t_change.len() || init.beta.len() != data.sigmas.len() {
            return Err(Error::static_str(
                "the initial parameters do not fit the data",
            ));
        }
        let start = Parameters::new(init.k, init.m, &init.delta, &init.beta, *init.sigma_obs);
        let optimum = highest(&posterior, start);
        let Optimum { parameters, .. } = &optimum;
        let answer = OptimizedParams {
            k: parameters.k(),
            m: parameters.m(),
            sigma_obs: parameters.sigma.try_into().map_err(Error::custom)?,
            delta: parameters.delta().to_vec(),
            beta: parameters.beta().to_vec(),
            trend: posterior.trend(parameters),
        };
        // Set already where an optimizer is used twice: the first stays.
        let _ = self.found.set((data.clone(), optimum));
        Ok(answer)
    }
}

/// Hands the data to an optimizer with the features in an order that depends on nothing
/// but themselves. augurs keeps seasonalities in a `HashMap`, so its order differs from
/// run to run, and with the order of a sum its last digits.
#[derive(Debug, Clone)]
pub struct FixedOrder<O>(
    /// The optimizer.
    pub O,
);

impl<O: Optimizer> Optimizer for FixedOrder<O> {
    fn optimize(
        &self,
        init: &InitialParams,
        data: &Data,
        opts: &OptimizeOpts,
    ) -> Result<OptimizedParams, Error> {
        check(data).map_err(Error::static_str)?;
        let order = order(data);
        // A wrong number of initial weights is for the optimizer to refuse.
        let beta = order
            .iter()
            .filter_map(|&j| init.beta.get(j).copied())
            .collect();
        let init = InitialParams {
            beta,
            ..init.clone()
        };
        let mut answer = self.0.optimize(&init, &in_order(data, &order), opts)?;
        let weights = std::mem::replace(&mut answer.beta, vec![0.0; order.len()]);
        for (j, weight) in order.into_iter().zip(weights) {
            answer.beta[j] = weight;
        }
        Ok(answer)
    }
}

/// By the features' values, point after point.
fn order(data: &Data) -> Vec<usize> {
    let features = data.sigmas.len();
    let feature = |j: usize| data.X.iter().skip(j).step_by(features);
    let mut order: Vec<usize> = (0..features).collect();
    order.sort_by(|&a, &b| {
        let mut by_value = feature(a).zip(feature(b)).map(|(a, b)| a.total_cmp(b));
        by_value.find(|by| by.is_ne()).unwrap_or_else(|| a.cmp(&b))
    });
    order
}

fn in_order(data: &Data, order: &[usize]) -> Data {
    let rows = data.X.chunks_exact(order.len().max(1));
    Data {
        X: rows.flat_map(|row| order.iter().map(|&j| row[j])).collect(),
        sigmas: order.iter().map(|&j| data.sigmas[j]).collect(),
        s_a: order.iter().map(|&j| data.s_a[j]).collect(),
        s_m: order.iter().map(|&j| data.s_m[j]).collect(),
        ..data.clone()
    }
}
