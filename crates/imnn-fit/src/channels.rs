//! Whether the last axis of data is one of channels, as networks and symmetries take it.

use imnn_data::Augmentation;
use imnn_models::Model;

/// A last axis so many times longer than another one is hardly one of channels.
const LONGER: usize = 8;

/// What there is to say against the last axis of the data as one of channels.
pub(crate) fn warning(model: &Model, augmentation: Option<Augmentation>) -> Option<String> {
    let shape = model.input_shape();
    let [space @ .., channels] = shape else { return None };
    let (longest, shortest) = (space.iter().max()?, space.iter().min()?);
    let begins_with_conv = model.network().layers.first().is_some_and(|layer| layer.name() == "conv");
    if begins_with_conv && *channels >= LONGER * longest {
        return Some(format!(
            "warning: the network begins with a convolution, and data of shape {shape:?} have {channels} channels at {longest} \
             position{}: channels are the last axis. If they are the first here, save np.moveaxis(x, 1, -1)",
            if *longest == 1 { "" } else { "s along an axis" }
        ));
    }
    (augmentation.is_some() && channels == shortest && *channels >= LONGER).then(|| {
        format!(
            "warning: symmetries move and turn all axes of the data but the last, which is that of channels; data of shape {shape:?} \
             look like images without one: save x[..., None]"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_models::Network;

    fn said(layers: &str, shape: &[usize], symmetric: bool) -> Option<String> {
        let table: toml::Table = toml::from_str(&format!("layers = {layers}")).unwrap();
        let model = Model::new(Network::from_toml(&table["layers"]).unwrap(), shape).unwrap();
        warning(&model, symmetric.then(Augmentation::all))
    }

    const CONV: &str = r#"[{ conv = { filters = 4, kernel = [1], padding = "same" } }, "flatten", { dense = 2 }]"#;
    const DENSE: &str = r#"["flatten", { dense = 2 }]"#;

    #[test]
    fn channels_in_front_are_seen() {
        assert!(said(CONV, &[1, 64], false).unwrap().contains("64 channels at 1 position: channels are the last"));
        assert_eq!(said(CONV, &[64, 1], false), None);
        assert_eq!(said(CONV, &[32, 16], false), None);
        assert_eq!(said(DENSE, &[1, 64], false), None);
    }

    #[test]
    fn images_without_channels_are_seen_where_symmetries_need_them() {
        assert!(said(DENSE, &[8, 8], true).unwrap().contains("save x[..., None]"));
        assert_eq!(said(DENSE, &[8, 8], false), None);
        assert_eq!(said(DENSE, &[8, 8, 1], true), None);
        assert_eq!(said(DENSE, &[32, 3], true), None);
        assert_eq!(said(DENSE, &[64], true), None);
    }
}
