//! One independent build, and the room that it needs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    Architecture, Digest, DirectoryOrder, Kernel, Limits, PathError, Plan, Processors, RoomPath, RoomVeil,
    Root, Setting, Supply, TreePath, User, Users, Variation, Veil,
};

/// A plan with the values of its variations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// What is built.
    pub plan: Plan,
    /// In which surroundings.
    pub setting: Setting,
}

/// A read-only directory or file of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomInput {
    /// The layer, by the digest of its uncompressed tar.
    pub layer: Digest,
    /// The directory or file inside the layer.
    pub subpath: TreePath,
    /// Where the room shows it.
    pub at: RoomPath,
    /// Whether it is a file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub file: bool,
}

/// A file or directory that is taken out of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomOutput {
    /// Its place in the tree.
    pub path: TreePath,
    /// Its place in the room.
    pub from: RoomPath,
}

/// A room with nothing left to choose: what an engine makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// The image's layers, lowest first.
    pub rootfs: Vec<Digest>,
    /// The processor that the image is for.
    pub architecture: Architecture,
    /// Read-only directories.
    pub inputs: Vec<RoomInput>,
    /// Order of entries in the inputs.
    pub order: DirectoryOrder,
    /// Empty directories that belong to the user: the target and the home.
    pub scratch: Vec<RoomPath>,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// Where the program starts.
    pub cwd: RoomPath,
    /// Who runs it.
    pub user: User,
    /// Host name.
    pub hostname: String,
    /// File mode creation mask.
    pub umask: u32,
    /// Processors.
    pub processors: Processors,
    /// Which user ids there are.
    pub users: Users,
    /// What the build may use up.
    pub limits: Limits,
    /// What is taken out afterwards.
    pub outputs: Vec<RoomOutput>,
    /// What the scratch directories hold at first; see [`Plan::start`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Digest>,
    /// Where there are names of what is not shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub veils: Vec<RoomVeil>,
    /// Seconds by which its wall clock is ahead of the machine's; see [`Setting::clock_offset`].
    #[serde(default, skip_serializing_if = "crate::setting::is_zero")]
    pub clock_offset: i64,
    /// The kernel's release.
    #[serde(default, skip_serializing_if = "Kernel::is_own")]
    pub kernel: Kernel,
}

impl Round {
    /// The round of `eadem build` and every first round.
    pub fn baseline(plan: Plan) -> Self {
        Self { plan, setting: Setting::baseline() }
    }

    /// The round that differs from the baseline in everything.
    pub fn varied(plan: Plan) -> Self {
        Self::varied_in(plan, &Variation::ALL.into())
    }

    /// The round that differs from the baseline in these variations.
    pub fn varied_in(plan: Plan, these: &BTreeSet<Variation>) -> Self {
        let setting = Setting::baseline().with(&Setting::varied(&plan.digest()), these);
        Self { plan, setting }
    }

    /// Puts the setting's values into the plan.
    ///
    /// # Errors
    /// A path of the plan that is not clean once its root is known.
    pub fn room(&self) -> Result<Room, PathError> {
        let Self { plan, setting } = self;
        let place = |root: Root| setting.place(root).as_str().to_owned();
        Ok(Room {
            rootfs: plan.rootfs.clone(),
            architecture: plan.architecture,
            inputs: self.inputs()?,
            order: setting.order,
            scratch: vec![setting.roots.target.clone(), setting.user.home.clone()],
            argv: plan.argv.iter().map(|text| text.resolve(place)).collect(),
            env: self.env(),
            cwd: plan.cwd.resolve(place).parse()?,
            user: setting.user.clone(),
            hostname: setting.hostname.clone(),
            umask: setting.umask,
            processors: setting.processors,
            users: plan.users,
            limits: plan.limits.clone(),
            outputs: self.outputs()?,
            start: plan.start,
            veils: plan.veils.iter().map(|veil| self.veil(veil)).collect(),
            clock_offset: setting.clock_offset,
            kernel: setting.kernel,
        })
    }

    fn veil(&self, veil: &Veil) -> RoomVeil {
        RoomVeil { at: self.setting.place(veil.at).clone(), names: veil.names.clone() }
    }

    fn inputs(&self) -> Result<Vec<RoomInput>, PathError> {
        let input = |input: &crate::Input| {
            let root = self.setting.place(input.at);
            let at = match &input.below {
                None => root.clone(),
                Some(below) => format!("{root}/{below}").parse()?,
            };
            Ok(RoomInput { layer: input.layer, subpath: input.subpath.clone(), at, file: input.file })
        };
        let need = |supply: &Supply| {
            let Supply { layer, at } = supply.clone();
            RoomInput { layer, subpath: Supply::subpath(), at, file: false }
        };
        let needs = self.plan.needs.iter().map(|supply| Ok(need(supply)));
        self.plan.inputs.iter().map(input).chain(needs).collect()
    }

    fn outputs(&self) -> Result<Vec<RoomOutput>, PathError> {
        let place = |root: Root| self.setting.place(root).as_str().to_owned();
        let output = |output: &crate::Output| {
            Ok(RoomOutput { path: output.path.clone(), from: output.from.resolve(place).parse()? })
        };
        self.plan.outputs.iter().map(output).collect()
    }

    /// The plan's variables win over noise; who and where win over the plan.
    fn env(&self) -> BTreeMap<String, String> {
        let Self { plan, setting } = self;
        let place = |root: Root| setting.place(root).as_str().to_owned();
        let mut env = setting.noise.clone();
        env.extend(plan.env.iter().map(|(name, text)| (name.clone(), text.resolve(place))));
        let fixed = [
            ("HOME", setting.user.home.as_str()),
            ("LANG", &setting.locale),
            ("LC_ALL", &setting.locale),
            ("LOGNAME", &setting.user.name),
            ("TZ", &setting.timezone),
            ("USER", &setting.user.name),
        ];
        env.extend(fixed.map(|(name, value)| (name.to_owned(), value.to_owned())));
        env.insert("SOURCE_DATE_EPOCH".to_owned(), plan.epoch.to_string());
        env
    }
}
