/// A cause of the appearance of an image that is independent of the lesion.
///
/// Raw values are the names in `Prompts/endoscopy.json5`.
package enum Confounder: String, Codable, CaseIterable, Sendable {
  /// Out of focus.
  case blur
  /// Combed lines and separated colours, as in interlaced video in motion.
  case artefacts
  /// Too much light.
  case bright
  /// Too little light.
  case dark
  /// A spot of light; the rest is in shade.
  case uneven
  /// Narrow-band imaging: blue and green light only, vessels dark.
  case narrowBand = "narrow-band"
  /// White light imaging: a cold, strong lamp.
  case whiteLight = "white light"
  /// The camera close to the wall.
  case near
  /// The camera far from the wall.
  case far
  /// A film and strands of mucus.
  case mucus
  /// A pool of blood.
  case blood
  /// Glints of the lamp on the wet wall.
  case reflection = "specular reflection"

  /// Whether it covers only a part of the image.
  package var isLocalised: Bool { self == .mucus || self == .blood || self == .reflection }

  /// Whether it has a place, which a site may link to the place of the lesion.
  var isPlaced: Bool { isLocalised || self == .uneven }

  /// The confounder that cannot occur at the same time.
  var opposite: Confounder? {
    switch self {
    case .bright: .dark
    case .dark: .bright
    case .narrowBand: .whiteLight
    case .whiteLight: .narrowBand
    case .near: .far
    case .far: .near
    default: nil
    }
  }
}

/// The place of a localised confounder relative to the lesion.
package enum Placement: String, Codable, Sendable {
  /// Anywhere, independent of the lesion.
  case anywhere
  /// At the edge of the lesion.
  case beside
  /// On the opposite side of the image.
  case away
}
