/// The release this program says it is; CHANGELOG.md has an entry for each.
let cartoonizeVersion = "0.1.0"
