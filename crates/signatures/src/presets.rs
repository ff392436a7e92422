//! Every sender that Hookmill knows, one entry each. What an entry does not say is the default of its constructor.

mod code;
mod commerce;
mod crm;
mod messaging;
mod shapes;
mod standards;
mod work;

use crate::preset::Preset;

static GROUPS: &[&[Preset]] =
    &[code::PRESETS, commerce::PRESETS, crm::PRESETS, messaging::PRESETS, standards::PRESETS, work::PRESETS];

/// All presets of providers and standards.
pub fn presets() -> impl Iterator<Item = &'static Preset> {
    GROUPS.iter().copied().flatten()
}

/// The preset with this id, as the document names it.
#[must_use]
pub fn preset(id: &str) -> Option<&'static Preset> {
    presets().find(|preset| preset.id == id)
}
