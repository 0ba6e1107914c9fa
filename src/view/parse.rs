//! How views are spelled: `dropout=0.2,shuffle,token-cutoff=0.15`.

use super::{Augmentation, NetworkDropout, View};
use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

impl FromStr for Augmentation {
    type Err = Error;

    /// `shuffle`, `token-cutoff=0.1`, `feature-cutoff=0.2`, `element-cutoff=0.2`, `span=0.2`,
    /// `span-inside=0.2`, `adv=0.01`; a rate left out is ConSERT's own, and `_` does for `-`.
    fn from_str(text: &str) -> Result<Self> {
        let (name, rate) = match text.split_once('=') {
            Some((name, rate)) => (name, Some(rate)),
            None => (text, None),
        };
        let known = "shuffle, token-cutoff=R, feature-cutoff=R, element-cutoff=R, span=R, \
                     span-inside=R, adv=E, pooling=P, dropout=off|model|R or none";
        let number = rate.map(str::trim).map(str::parse::<f64>);
        let rate = |standard: f64| match &number {
            None => Ok(standard),
            Some(Ok(rate)) if (0. ..1.).contains(rate) => Ok(*rate),
            _ => Err(Error::config(format!(
                "view `{text}`: the rate must be at least 0 and below 1"
            ))),
        };
        let epsilon = || match &number {
            None => Ok(0.01),
            Some(Ok(epsilon)) if epsilon.is_finite() && *epsilon > 0. => Ok(*epsilon),
            _ => Err(Error::config(format!("view `{text}`: expected more than 0"))),
        };
        match name.trim().replace('_', "-").as_str() {
            "shuffle" if number.is_none() => Ok(Self::Shuffle),
            "shuffle" => Err(Error::config(format!("view `{text}`: shuffle has no rate"))),
            "token-cutoff" => rate(0.15).map(Self::TokenCutoff),
            "feature-cutoff" => rate(0.2).map(Self::FeatureCutoff),
            "element-cutoff" => rate(0.2).map(Self::ElementCutoff),
            "span" => rate(0.2).map(Self::Span),
            "span-inside" => rate(0.2).map(Self::InsideSpan),
            "adv" | "adversarial" => epsilon().map(Self::Adversarial),
            _ => Err(Error::config(format!("view `{text}` is unknown: use {known}"))),
        }
    }
}

impl fmt::Display for Augmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shuffle => f.write_str("shuffle"),
            Self::TokenCutoff(rate) => write!(f, "token-cutoff={rate}"),
            Self::FeatureCutoff(rate) => write!(f, "feature-cutoff={rate}"),
            Self::ElementCutoff(rate) => write!(f, "element-cutoff={rate}"),
            Self::Span(rate) => write!(f, "span={rate}"),
            Self::InsideSpan(rate) => write!(f, "span-inside={rate}"),
            Self::Adversarial(epsilon) => write!(f, "adv={epsilon}"),
        }
    }
}

impl FromStr for NetworkDropout {
    type Err = Error;

    /// `off`, `model`, or a rate below 1.
    fn from_str(text: &str) -> Result<Self> {
        match text.trim() {
            "off" | "none" => Ok(Self::Off),
            "model" => Ok(Self::Model),
            rate => match rate.parse::<f32>() {
                Ok(rate) if (0. ..1.).contains(&rate) => Ok(Self::Rate(rate)),
                _ => Err(Error::config(format!(
                    "dropout `{text}`: use off, model, or a rate from 0 to below 1"
                ))),
            },
        }
    }
}

impl fmt::Display for NetworkDropout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Model => f.write_str("model"),
            Self::Rate(rate) => write!(f, "{rate}"),
        }
    }
}

impl FromStr for View {
    type Err = Error;

    /// Parts joined by `+`: augmentations, `dropout=off|model|R` for the network's own dropout
    /// (`model` where it is not named), `pooling=P` for another pooling, or `none`.
    fn from_str(text: &str) -> Result<Self> {
        let mut view = Self::DROPOUT;
        for part in text.split('+').map(str::trim).filter(|part| *part != "none") {
            match part.split_once('=') {
                Some(("dropout", rate)) => view.dropout = rate.parse()?,
                Some(("pooling", pooling)) => view.pooling = Some(pooling.trim().parse()?),
                _ => view.augmentations.push(part.parse()?),
            }
        }
        view.check_duplicates(text)?;
        Ok(view)
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for augment in &self.augmentations {
            write!(f, "{augment}+")?;
        }
        write!(f, "dropout={}", self.dropout)?;
        match self.pooling {
            Some(pooling) => write!(f, "+pooling={pooling}"),
            None => Ok(()),
        }
    }
}

impl TryFrom<String> for View {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<View> for String {
    fn from(view: View) -> Self {
        view.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pooling::Pooling;

    #[test]
    fn a_view_is_spelled_as_it_is_read() {
        for text in [
            "shuffle",
            "token-cutoff=0.1",
            "feature-cutoff=0.2",
            "element-cutoff=0.5",
            "span=0.3",
            "span-inside=0.3",
            "adv=0.01",
        ] {
            assert_eq!(text.parse::<Augmentation>().unwrap().to_string(), text);
        }
        assert_eq!(
            "feature_cutoff".parse::<Augmentation>().unwrap(),
            Augmentation::FeatureCutoff(0.2)
        );
        for wrong in
            ["cutoff", "token-cutoff=1", "token-cutoff=x", "", "span=1.0", "adv=0", "shuffle=1"]
        {
            assert!(wrong.parse::<Augmentation>().is_err(), "{wrong}");
        }
        for wrong in ["shuffle+shuffle", "span=0.1+span-inside=0.1", "adv+adv=1", "pooling=x"] {
            assert!(wrong.parse::<View>().is_err(), "{wrong}");
        }
        let view: View = "shuffle + token_cutoff=0.1 + dropout=0.3".parse().unwrap();
        assert_eq!(view.to_string(), "shuffle+token-cutoff=0.1+dropout=0.3");
        let view: View = "pooling=max".parse().unwrap();
        assert_eq!(view, View { pooling: Some(Pooling::Max), ..View::DROPOUT });
        assert_eq!(view.to_string().parse::<View>().unwrap(), view);
        assert_eq!("none".parse::<View>().unwrap(), View::DROPOUT);
        assert_eq!("dropout=off".parse::<View>().unwrap(), View::PLAIN);
        assert!("1.0".parse::<NetworkDropout>().is_err());
        assert_eq!("0.3".parse::<NetworkDropout>().unwrap(), NetworkDropout::Rate(0.3));
    }
}
