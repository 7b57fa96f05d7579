/// A cause of how a picture looks that has nothing to do with the lesion; raw values are the names in
/// `Prompts/endoscopy.json5`.
package enum Confounder: String, Codable, CaseIterable, Sendable {
  /// Out of focus.
  case blur
  /// Combed lines and parted colours, as of interlaced video in motion.
  case artefacts
  /// Too much light.
  case bright
  /// Too little light.
  case dark
  /// A spot of light, the rest in shade.
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

  /// Whether it covers a place of the picture and leaves the rest alone.
  package var isLocalised: Bool { self == .mucus || self == .blood || self == .reflection }

  /// Whether it has a place that a site may tie to the lesion's.
  var isPlaced: Bool { isLocalised || self == .uneven }

  /// The confounder that cannot be there at the same time.
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

/// Where a localised confounder lies to the lesion.
package enum Placement: String, Codable, Sendable {
  /// Anywhere, whatever the lesion.
  case anywhere
  /// At the lesion's edge.
  case beside
  /// Across the picture from the lesion.
  case away
}
