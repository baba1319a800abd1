//! The events of an imaginary shop: which types there are, how frequent each is, and what its properties hold.
//!
//! Rules:
//! - Nothing here decides; it is the table that the generator draws from.
//! - Properties hold no fractions: a Python producer or consumer would pass them through a float, and the JSON text
//!   of the three sides must be the same.

/// A type of event.
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// How frequent it is, relative to the others.
    pub weight: u32,
    /// Whether it has an amount and a currency.
    pub money: bool,
    /// Whether it has a quantity.
    pub quantity: bool,
    /// Whether it happened at a URL.
    pub url: bool,
    /// What its properties hold.
    pub properties: &'static [(&'static str, Shape)],
}

/// What a property holds.
pub enum Shape {
    /// One of a few words.
    Word(&'static [&'static str]),
    /// A whole number from the first to the second.
    Int(u64, u64),
    /// So many hexadecimal digits.
    Hex(usize),
    /// A prefix and a number below the second.
    Key(&'static str, u64),
    /// True or false.
    Flag,
    /// So many words of prose, a few of them beyond ASCII or with an escape.
    Prose(usize),
    /// An object.
    Object(&'static [(&'static str, Shape)]),
    /// Up to so many of the words.
    List(&'static [&'static str], usize),
}

use Shape::{Flag, Hex, Int, Key, List, Object, Prose, Word};

const CATEGORIES: &[&str] = &["shoes", "jackets", "bags", "outdoor", "kitchen", "garden", "toys", "books", "audio"];
const REFERRERS: &[&str] = &["direct", "search", "newsletter", "social", "affiliate", "partner"];
const EXPERIMENTS: &[&str] = &["checkout-v3", "search-ranker-b", "hero-video", "free-shipping", "sticky-cart"];
const METHODS: &[&str] = &["card", "paypal", "invoice", "sepa", "apple_pay", "klarna"];
const CARRIERS: &[&str] = &["dhl", "ups", "hermes", "gls", "postnl"];
const COLOURS: &[&str] = &["black", "navy", "olive", "sand", "crimson", "white"];
const SIZES: &[&str] = &["XS", "S", "M", "L", "XL", "38", "39", "40", "41", "42", "43"];
const SCREENS: &[&str] = &["390x844", "393x852", "412x915", "1440x900", "1920x1080", "2560x1440"];

const PRODUCT: &[(&str, Shape)] = &[
    ("sku", Key("SKU-", 40_000)),
    ("category", Word(CATEGORIES)),
    ("colour", Word(COLOURS)),
    ("size", Word(SIZES)),
    ("price_cents", Int(499, 24_999)),
];
const PAGE: &[(&str, Shape)] = &[
    ("title", Prose(4)),
    ("referrer", Word(REFERRERS)),
    ("screen", Word(SCREENS)),
    ("load_ms", Int(80, 4_000)),
    ("scroll", Int(0, 100)),
    ("experiments", List(EXPERIMENTS, 4)),
    ("view", Hex(16)),
];
const ORDER: &[(&str, Shape)] = &[
    ("order", Key("ORD-", 9_000_000)),
    ("method", Word(METHODS)),
    ("shipping", Object(&[("carrier", Word(CARRIERS)), ("days", Int(1, 9)), ("pickup", Flag)])),
    ("first", Object(PRODUCT)),
    ("voucher", Flag),
];
const ACCOUNT: &[(&str, Shape)] = &[
    ("method", Word(&["password", "google", "apple", "magic_link"])),
    ("referrer", Word(REFERRERS)),
    ("screen", Word(SCREENS)),
    ("consents", List(&["analytics", "marketing", "personalisation", "partners"], 4)),
    ("attempt", Hex(24)),
    ("new_device", Flag),
];
const SEARCH: &[(&str, Shape)] = &[
    ("query", Prose(3)),
    ("results", Int(0, 480)),
    (
        "filters",
        Object(&[("category", Word(CATEGORIES)), ("colour", Word(COLOURS)), ("max_cents", Int(1_000, 50_000))]),
    ),
    ("took_ms", Int(12, 900)),
    ("experiments", List(EXPERIMENTS, 3)),
    ("search", Hex(16)),
];
const CART: &[(&str, Shape)] =
    &[("cart", Hex(24)), ("product", Object(PRODUCT)), ("items", Int(1, 12)), ("experiments", List(EXPERIMENTS, 2))];
const TEXT: &[(&str, Shape)] = &[("sku", Key("SKU-", 40_000)), ("stars", Int(1, 5)), ("text", Prose(22))];
const CLICK: &[(&str, Shape)] = &[
    ("element", Word(&["hero", "nav", "footer", "tile", "banner", "menu", "breadcrumb"])),
    ("label", Prose(3)),
    ("position", Object(&[("x", Int(0, 2_560)), ("y", Int(0, 9_000)), ("viewport", Word(SCREENS))])),
    ("view", Hex(16)),
    ("experiments", List(EXPERIMENTS, 4)),
];
const TICKET: &[(&str, Shape)] =
    &[("ticket", Key("T-", 900_000)), ("channel", Word(&["mail", "chat", "phone"])), ("subject", Prose(14))];
const FAULT: &[(&str, Shape)] = &[
    ("message", Prose(8)),
    ("module", Word(&["checkout", "search", "player", "login", "recommendations"])),
    ("build", Key("web-", 4_000)),
    ("fatal", Flag),
    ("trace", Hex(32)),
];

const fn kind(name: &'static str, weight: u32, has: [bool; 3], properties: &'static [(&'static str, Shape)]) -> Kind {
    let [money, quantity, url] = has;
    Kind { name, weight, money, quantity, url, properties }
}

/// The types of events. In brackets: money, quantity, URL.
pub const KINDS: &[Kind] = &[
    kind("page.viewed", 3_200, [false, false, true], PAGE),
    kind("product.viewed", 1_500, [true, false, true], CART),
    kind("element.clicked", 1_200, [false, false, true], CLICK),
    kind("search.performed", 800, [false, false, true], SEARCH),
    kind("cart.item_added", 520, [true, true, true], CART),
    kind("session.started", 480, [false, false, true], ACCOUNT),
    kind("order.placed", 400, [true, true, false], ORDER),
    kind("payment.authorized", 380, [true, false, false], ORDER),
    kind("cart.item_removed", 260, [true, true, true], CART),
    kind("order.shipped", 240, [true, true, false], ORDER),
    kind("order.delivered", 220, [true, true, false], ORDER),
    kind("user.logged_in", 200, [false, false, false], ACCOUNT),
    kind("checkout.started", 180, [true, true, true], CART),
    kind("client.failed", 120, [false, false, true], FAULT),
    kind("user.registered", 90, [false, false, false], ACCOUNT),
    kind("payment.failed", 70, [true, false, false], ORDER),
    kind("order.returned", 60, [true, true, false], ORDER),
    kind("review.written", 40, [false, false, true], TEXT),
    kind("ticket.opened", 25, [false, false, false], TICKET),
    kind("order.cancelled", 15, [true, true, false], ORDER),
];
