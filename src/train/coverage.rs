//! Does everything that should learn, learn?

use crate::error::{Error, ErrorKind, Result};
use crate::nn::{Gradients, Parameters};
use crate::objective::Needs;

/// Names the first parameter without a finite gradient somewhere different from zero. The head
/// is asked only of an objective over classes; a parameter that no loss can see (attention's
/// key bias) need only be reached.
///
/// # Errors
/// Where there is such a parameter.
pub fn assert_every_parameter_learns(
    parameters: &Parameters,
    gradients: &Gradients,
    needs: Needs,
) -> Result<()> {
    for parameter in parameters.iter() {
        if parameter.name().starts_with("head.") && needs != Needs::Classes {
            continue;
        }
        let fault = match gradients.get(parameter) {
            None => "no gradient reaches it",
            Some(gradient) if gradient.values().iter().any(|x| !x.is_finite()) => {
                "its gradient is not finite"
            }
            Some(gradient)
                if !parameter.spec().unseen && gradient.values().iter().all(|&x| x == 0.) =>
            {
                "its gradient is zero everywhere"
            }
            Some(_) => continue,
        };
        let words = format!(
            "{} does not learn: {fault} (is the loss the same for every embedding?)",
            parameter.name()
        );
        return Err(Error::new(ErrorKind::Numerics, words));
    }
    Ok(())
}
