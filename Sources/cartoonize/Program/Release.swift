/// The release this program says it is; CHANGELOG.md has an entry for each.
let cartoonizeVersion = "0.1.0"

/// The model that comes with the program, used when none is named.
let defaultModelName = "cartoonizer-mini"
