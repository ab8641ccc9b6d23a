//! Two events of a test oracle, announced and attested: for examples, and for the
//! tests of applications that take this oracle's messages.
//!
//! They are cases of `schema/vectors/attestations.json`, where there are more.
//! Their keys are public, so nothing may ever rest on them.
//!
//! ```
//! use oracle_math::{Announcement, Attestation, sample};
//! use oracle_math::verify::{verify_announcement, verify_attestation};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let announcement = Announcement::from_any(sample::RAIN_ANNOUNCEMENT.as_bytes())?;
//! let announcement = verify_announcement(announcement)?;
//! let attestation = Attestation::from_any(sample::RAIN_ATTESTATION.as_bytes())?;
//! let attestation = verify_attestation(attestation, &announcement)?;
//! assert_eq!(attestation.outcome().to_string(), "70");
//! assert_eq!(attestation.outcomes, ["0", "0", "7", "0"]);
//! # Ok(())
//! # }
//! ```

/// Announcement of the match `bl1-2026-r9-fcb-bvb` with the outcomes `home`, `draw`,
/// `away` and `void`; TLV, hex.
pub const MATCH_ANNOUNCEMENT: &str = "\
    fdd824b82836649a4fc9197f8f24eaa3d4151d6d184c0fb26302d339abb5a0aa71f247de454b87b2e9fb\
    321585ec6b18fe7bbf5fc54a9157c84c61c691487d3a91f83dbe45dd095a8888e3ad6ca7eeff538d43c5\
    cb0e79fee57c5483d6169895c110ac05fdd8225400013c444725ee09ed58006f01ed19b959444e4806e7\
    f06b31dfef69959363a2742e6b031180fdd80616000404686f6d650464726177046177617904766f6964\
    13626c312d323032362d72392d6663622d627662";

/// That its oracle knows its nonce; hex. A case of `schema/vectors/nonce_proof.json`.
pub const MATCH_NONCE_PROOF: &str = "\
    8e2d50d98df1ab5c84036f1448966ad009d73f62a093e1b346c5819f18fe629eeca24b11404e867d9267\
    5da1a6908aa96cc693feb5136c959d99e7fe39deb4b7";

/// It was a `draw`; TLV of the specification's layout, hex.
pub const MATCH_ATTESTATION: &str = "\
    fdd8687b13626c312d323032362d72392d6663622d62766245dd095a8888e3ad6ca7eeff538d43c5cb0e\
    79fee57c5483d6169895c110ac0500013c444725ee09ed58006f01ed19b959444e4806e7f06b31dfef69\
    959363a2742e16ee984f025636981a39c191804dc33abec5aedbf0c0f5e3a7db42394718b0b004647261\
    77";

/// Announcement of the number `rain-mm`, four decimal digits; TLV, hex.
pub const RAIN_ANNOUNCEMENT: &str = "\
    fdd824fd01080d80a229127e6d224c79dac63aed4aacb0b9f7c205f3337eab127a56f147e466b4bc080f\
    4747cefe28a5324209e2562b7de0019ed67b6c59adf3aa86123cda9945dd095a8888e3ad6ca7eeff538d\
    43c5cb0e79fee57c5483d6169895c110ac05fdd822a400040c8e053ae33e5e05a644389b00295d5a4871\
    fc095d313c76b0c8d551004df281c3150ea6d9f17573bcbbf3667823b7feb20b6b837595b620a98e7a1f\
    e182164edf293929081c744411f3ea3a17c5e42edf936d5bb4d2f97fea36892755c2c00fe0e66112a20d\
    bdb5b65026fa83b798639cd845908a85c02845f1321fd4a0bc376b031180fdd80a12000a000875555344\
    2f505043000000000004077261696e2d6d6d";

/// That its oracle knows its nonces; hex.
pub const RAIN_NONCE_PROOF: &str = "\
    f567366094a09291a31d24f2fcc4a937b70b93b829733813cb89e4d4e193bbf60744efb6f1210ac58275\
    7f331c840e272c7ad59476fdbc9c96877056beac8539";

/// It was 70; TLV of the specification's layout, hex.
pub const RAIN_ATTESTATION: &str = "\
    fdd868fd0132077261696e2d6d6d45dd095a8888e3ad6ca7eeff538d43c5cb0e79fee57c5483d6169895\
    c110ac0500040c8e053ae33e5e05a644389b00295d5a4871fc095d313c76b0c8d551004df281cf5ec405\
    905d3d57b58d0cc472082026ee4f92b3e3d1c66f56b4d007bbdaa232c3150ea6d9f17573bcbbf3667823\
    b7feb20b6b837595b620a98e7a1fe182164e272da34a9303dad934619be02c3c3776c7a2fa19c8ccbe0c\
    27500901f7db3c21df293929081c744411f3ea3a17c5e42edf936d5bb4d2f97fea36892755c2c00f7ed1\
    c5a96de17d573de266b9bc022f0f82f37ea8ab7503e253a05f563626e815e0e66112a20dbdb5b65026fa\
    83b798639cd845908a85c02845f1321fd4a0bc373347257681bc2973d3d0545eff859479792811927919\
    dba9e2da0044e80b51430130013001370130";
