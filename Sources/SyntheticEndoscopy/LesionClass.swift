/// What a picture shows; the names are those of `Prompts/endoscopy.json5`.
package enum LesionClass: String, Codable, CaseIterable, Sendable {
  /// A smooth reddish dome, now and then on a stalk.
  case polyp
  /// A large lobed mass with an ulcer.
  case tumour
  /// A flat red patch with erosions, its edge irregular.
  case inflammation
  /// One to three small firm pale bumps.
  case nodule
  /// A translucent dome, bluish or yellow, with vessels running over it.
  case cyst
}
