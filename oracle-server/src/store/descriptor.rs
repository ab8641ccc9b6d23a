//! Descriptors as a text column.

use oracle_schema::{Descriptor, DigitsDescriptor, EnumDescriptor};
use serde::{Deserialize, Serialize};

use super::StoreError;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Stored {
    Enum {
        outcomes: Vec<String>,
    },
    Digits {
        base: u16,
        is_signed: bool,
        unit: String,
        precision: i32,
        nb_digits: u16,
    },
}

pub(super) fn write(descriptor: &Descriptor) -> Result<String, StoreError> {
    let stored = match descriptor {
        Descriptor::Enum(d) => Stored::Enum {
            outcomes: d.outcomes().to_vec(),
        },
        Descriptor::Digits(d) => Stored::Digits {
            base: d.base(),
            is_signed: d.is_signed(),
            unit: d.unit().to_owned(),
            precision: d.precision(),
            nb_digits: d.nb_digits(),
        },
    };
    serde_json::to_string(&stored).map_err(damaged)
}

pub(super) fn read(text: &str) -> Result<Descriptor, StoreError> {
    Ok(match serde_json::from_str(text).map_err(damaged)? {
        Stored::Enum { outcomes } => {
            Descriptor::Enum(EnumDescriptor::new(outcomes).map_err(damaged)?)
        }
        Stored::Digits {
            base,
            is_signed,
            unit,
            precision,
            nb_digits,
        } => Descriptor::Digits(
            DigitsDescriptor::new(base, is_signed, unit, precision, nb_digits).map_err(damaged)?,
        ),
    })
}

fn damaged(e: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(format!("descriptor: {e}"))
}
