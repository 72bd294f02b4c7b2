//! The values of a round's variations, by name.

use eadem_model::{DirectoryOrder, Kernel, Processors, Setting};

/// Every variation with its value in words; the names are those of [`Setting::variations`].
pub fn values(setting: &Setting) -> Vec<(&'static str, String)> {
    let Setting {
        roots,
        hostname,
        user,
        umask,
        locale,
        timezone,
        noise,
        processors,
        order,
        clock_offset,
        kernel,
    } = setting;
    let noise: Vec<String> = noise.iter().map(|(name, value)| format!("{name}={value}")).collect();
    vec![
        ("source", roots.source.to_string()),
        ("cargo", roots.cargo.to_string()),
        ("target", roots.target.to_string()),
        ("hostname", hostname.clone()),
        ("user", user.name.clone()),
        ("uid", user.uid.to_string()),
        ("gid", user.gid.to_string()),
        ("home", user.home.to_string()),
        ("umask", format!("{umask:04o}")),
        ("locale", locale.clone()),
        ("timezone", timezone.clone()),
        ("environment", if noise.is_empty() { "none".to_owned() } else { noise.join(" ") }),
        ("processors", processors_worded(*processors).to_owned()),
        ("order", order_worded(*order).to_owned()),
        ("clock", clock_worded(*clock_offset)),
        ("kernel", kernel_worded(*kernel).to_owned()),
    ]
}

fn processors_worded(processors: Processors) -> &'static str {
    match processors {
        Processors::All => "all",
        Processors::OneFewer => "one fewer than all",
    }
}

fn order_worded(order: DirectoryOrder) -> &'static str {
    match order {
        DirectoryOrder::AsStored => "as stored",
        DirectoryOrder::Shuffled(_) => "shuffled",
    }
}

fn clock_worded(offset: i64) -> String {
    match offset {
        0 => "the machine's".to_owned(),
        seconds => format!("{seconds} s ahead of the machine's"),
    }
}

fn kernel_worded(kernel: Kernel) -> &'static str {
    match kernel {
        Kernel::Own => "the machine's",
        Kernel::TwoSix => "called 2.6",
    }
}

#[cfg(test)]
mod tests {
    use eadem_model::Digest;

    use super::*;

    #[test]
    fn every_variation_has_a_value_and_the_values_differ() {
        let (base, varied) = (Setting::baseline(), Setting::varied(&Digest::of(b"x")));
        let names: Vec<String> = values(&base).iter().map(|(name, _)| (*name).to_owned()).collect();
        let varying = base.variations(&varied);
        assert_eq!(names, varying.iter().map(ToString::to_string).collect::<Vec<_>>());
        let is_other = |(left, right): (&(&str, String), &(&str, String))| left.1 != right.1;
        assert!(values(&base).iter().zip(&values(&varied)).all(is_other));
    }
}
