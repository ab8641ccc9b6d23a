//! From a price or an outcome's name to what is signed.

use oracle_schema::event::{
    Descriptor, DescriptorError, DigitsDescriptor, EnumDescriptor, Outcome, OutcomeError,
};
use oracle_schema::policy::{
    DigitsPolicy, ElectionPolicy, FactPolicy, MatchPolicy, OperatorsPolicy, Rule,
};

use crate::exact::Exact;

const ABOVE: &str = "above";
const NOT_ABOVE: &str = "not_above";

/// Why a price is no outcome of an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutcomeRuleError {
    /// The event was announced under another kind of rule.
    #[error("the event's descriptor does not fit a {0} rule")]
    Kind(&'static str),
    /// The announced outcomes lack the one that the rule found.
    #[error(transparent)]
    Outcome(#[from] OutcomeError),
}

/// What an event under `rule` announces: digits of precision 0 (unsigned for
/// prices), `above` and `not_above`, or the rule's own outcomes.
pub fn descriptor(rule: &Rule) -> Result<Descriptor, DescriptorError> {
    if let Some(policy) = rule.fact_digits() {
        return Ok(Descriptor::Digits(digits(policy)?));
    }
    Ok(match rule {
        Rule::Digits {
            base, digits, unit, ..
        } => Descriptor::Digits(DigitsDescriptor::new(
            *base,
            false,
            unit.clone(),
            0,
            *digits,
        )?),
        Rule::Threshold { .. } => Descriptor::Enum(EnumDescriptor::new(vec![
            ABOVE.to_owned(),
            NOT_ABOVE.to_owned(),
        ])?),
        Rule::Match(MatchPolicy { outcomes, .. })
        | Rule::Election(ElectionPolicy { outcomes, .. })
        | Rule::Fact(FactPolicy { outcomes, .. })
        | Rule::Operators(OperatorsPolicy { outcomes, .. }) => {
            Descriptor::Enum(EnumDescriptor::new(outcomes.clone())?)
        }
    })
}

/// The digits of a fact that is a number.
pub fn digits(policy: &DigitsPolicy) -> Result<DigitsDescriptor, DescriptorError> {
    let unit = policy.unit.clone();
    DigitsDescriptor::new(policy.base, policy.signed, unit, 0, policy.digits)
}

/// The attested integer of a fact that is a number, as
/// [`Descriptor::outcome`] reads it: number × 10^decimals rounded half-even,
/// clamped to the digits.
pub fn attested(policy: &DigitsPolicy, number: &Exact) -> Result<String, DescriptorError> {
    let number = number.to_integer(policy.decimals);
    Ok(Outcome::Digits(digits(policy)?.split(number)).to_string())
}

/// The outcome that `price` means: clamped digits of price × 10^decimals
/// rounded half-even, or the comparison of the unrounded price.
pub fn outcome(
    rule: &Rule,
    price: &Exact,
    descriptor: &Descriptor,
) -> Result<Outcome, OutcomeRuleError> {
    match (rule, descriptor) {
        (Rule::Digits { decimals, .. }, Descriptor::Digits(digits)) => {
            Ok(Outcome::Digits(digits.split(price.to_integer(*decimals))))
        }
        (Rule::Threshold { above, .. }, Descriptor::Enum(_)) => {
            let text = if *price > Exact::from(*above) {
                ABOVE
            } else {
                NOT_ABOVE
            };
            Ok(descriptor.enum_outcome(text)?)
        }
        _ => Err(OutcomeRuleError::Kind(rule.kind())),
    }
}
