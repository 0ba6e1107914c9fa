//! Does everything that should learn, learn?

use crate::error::{Error, ErrorKind, Result};
use crate::nn::{Gradients, Parameter, Parameters};
use crate::objective::Objective;

/// Names the first parameter without a finite gradient somewhere different from zero. A head is
/// asked only of an objective that reads it; a parameter that no loss can see (attention's key
/// bias) need only be reached.
///
/// # Errors
/// Where there is such a parameter.
pub fn assert_every_parameter_learns(
    parameters: &Parameters,
    gradients: &Gradients,
    objective: &dyn Objective,
) -> Result<()> {
    for parameter in parameters.iter().filter(|parameter| is_read(parameter, objective)) {
        let fault = match gradients.get(parameter) {
            None => "it receives no gradient",
            Some(gradient) if gradient.values().iter().any(|x| !x.is_finite()) => {
                "its gradient is not finite"
            }
            Some(gradient)
                if !is_unseen(parameter, objective)
                    && gradient.values().iter().all(|&x| x == 0.) =>
            {
                "its gradient is zero everywhere"
            }
            Some(_) => continue,
        };
        let message = format!(
            "parameter {} cannot be trained: {fault} (does the loss depend on the embeddings?)",
            parameter.name()
        );
        return Err(Error::new(ErrorKind::Numerics, message));
    }
    Ok(())
}

/// Whether no loss, or not this one, depends on the parameter: attention's key bias, and the bias
/// of a head whose outputs are only compared with one another.
fn is_unseen(parameter: &Parameter, objective: &dyn Objective) -> bool {
    let is_shift =
        parameter.name() == "head.bias" && objective.requirements().score_differences_only;
    parameter.spec().unseen || is_shift
}

/// Whether the objective must reach the parameter. One that reads a head or masked words may
/// leave the embeddings, and what stands on them, aside.
fn is_read(parameter: &Parameter, objective: &dyn Objective) -> bool {
    let name = parameter.name();
    let (head, masks) =
        (objective.requirements().head.is_some(), objective.requirements().masked_tokens);
    match name.split_once('.').map_or(name, |(first, _)| first) {
        "head" => head,
        "projection" => !head && !masks,
        "dense" => !masks,
        "cls" => masks,
        _ => true,
    }
}
