//! Implementations of augurs's `Optimizer` trait, in place of Stan.
//!
//! In scope: conversion of augurs's data and parameters, storage of the result. Out of
//! scope: the optimization itself ([`crate::ascent`]).

use std::sync::{Arc, OnceLock};

use augurs_prophet::optimizer::{
    Data, Error, InitialParams, OptimizeOpts, OptimizedParams, Optimizer,
};

use crate::ascent::{Optimum, maximize};
use crate::parameters::Parameters;
use crate::posterior::{Posterior, check};

/// Computes the maximum a posteriori estimate. Clones share the result.
#[derive(Debug, Clone, Default)]
pub struct MaximumPosterior {
    result: Arc<OnceLock<(Data, Optimum)>>,
}

impl MaximumPosterior {
    /// Returns the prepared data of the first fit and its optimum.
    #[must_use]
    pub fn result(&self) -> Option<(&Data, &Optimum)> {
        self.result.get().map(|(data, optimum)| (data, optimum))
    }
}

impl Optimizer for MaximumPosterior {
    /// Returns the estimate. All options but `jacobian` are ignored.
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
                "the initial parameters and the data differ in dimension",
            ));
        }
        let start = Parameters::new(init.k, init.m, &init.delta, &init.beta, *init.sigma_obs);
        let optimum = maximize(&posterior, start);
        let Optimum { parameters, .. } = &optimum;
        let answer = OptimizedParams {
            k: parameters.k(),
            m: parameters.m(),
            sigma_obs: parameters.sigma.try_into().map_err(Error::custom)?,
            delta: parameters.delta().to_vec(),
            beta: parameters.beta().to_vec(),
            trend: posterior.trend(parameters),
        };
        // Fails if the optimizer is used again: the first result is kept.
        let _ = self.result.set((data.clone(), optimum));
        Ok(answer)
    }
}

/// Passes the data to an optimizer with the features in an order that depends only on
/// their values. augurs keeps seasonalities in a `HashMap`, so its order differs from run
/// to run, and the order of a sum changes its last digits.
#[derive(Debug, Clone)]
pub struct FixedOrder<O>(
    /// The wrapped optimizer.
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
        // The optimizer rejects a wrong number of initial coefficients.
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

/// Returns the order of the features: lexicographic by their values.
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
