//! Statistics: correlation, bootstrap, permutation and other tests, logistic regression, folds.

pub(in crate::eval) mod bootstrap;
pub(in crate::eval) mod correlation;
pub(in crate::eval) mod folds;
pub(in crate::eval) mod lbfgs;
pub(in crate::eval) mod logistic;
pub(in crate::eval) mod mersenne;
pub(in crate::eval) mod redraw;
pub(in crate::eval) mod resample;
pub(in crate::eval) mod special;
pub(in crate::eval) mod swap;
pub(in crate::eval) mod williams;
