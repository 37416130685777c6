/// A hash of a name's bytes (FNV-1a of 64 bits), which tells names apart that are cut short; it withstands no ill will.
package func nameHash(_ bytes: some Sequence<UInt8>) -> UInt64 {
    bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
}
