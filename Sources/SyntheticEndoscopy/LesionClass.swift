/// The class of the lesion in an image; the names are those of `Prompts/endoscopy.json5`.
package enum LesionClass: String, Codable, CaseIterable, Sendable {
  /// A smooth reddish dome, sometimes on a stalk.
  case polyp
  /// A large lobed mass with an ulcer.
  case tumour
  /// A flat red patch with erosions and an irregular edge.
  case inflammation
  /// One to three small firm pale bumps.
  case nodule
  /// A translucent dome, bluish or yellow, with vessels over it.
  case cyst
}
