import Torch

/// How a confounder changes a picture (ours): do(z) in image space, for real pictures as well as rendered ones.
///
/// The raw values stand in prompt files (`mechanism: "narrow-band"`). Each takes a strength from 0, which changes
/// nothing, to 1, at which most lesions can still be seen. What each does: `docs/prompts.md`.
public enum Mechanism: String, Codable, CaseIterable, Sendable {
  // Optics and the video chain.
  case blur, interlacing, noise, compression
  case lowResolution = "low-resolution"
  // Light.
  case bright, dark, shadow, vignette, haze
  case unevenLight = "uneven-light"
  case lowContrast = "low-contrast"
  // Technology and colour.
  case tint
  case narrowBand = "narrow-band"
  case whiteLight = "white-light"
  // Distance.
  case near, far
  // What lies on the mucosa.
  case mucus, blood, reflection, bubbles, residue

  /// Whether positions move, so that the mask moves, too.
  public var movesPixels: Bool { self == .near || self == .far }

  /// All names, for messages.
  static var list: String { allCases.map(\.rawValue).joined(separator: ", ") }

  /// The pictures with this done to them, n×3×S×S, and their masks; values may leave 0 to 1.
  func callAsFunction(_ canvas: Canvas) throws -> (images: Tensor, masks: Tensor) {
    let (optics, light) = (OpticsMechanisms(canvas: canvas), LightMechanisms(canvas: canvas))
    let (colour, surface) = (ColourMechanisms(canvas: canvas), SurfaceMechanisms(canvas: canvas))
    let distance = DistanceMechanisms(canvas: canvas)
    func still(_ images: Tensor) -> (images: Tensor, masks: Tensor) { (images, canvas.masks) }
    switch self {
    case .near: return try distance.near()
    case .far: return try distance.far()
    case .blur: return still(try optics.blur())
    case .interlacing: return still(try optics.interlacing())
    case .noise: return still(try optics.noise())
    case .compression: return still(try optics.compression())
    case .lowResolution: return still(try optics.lowResolution())
    case .bright: return still(try light.bright())
    case .dark: return still(try light.dark())
    case .unevenLight: return still(try light.uneven())
    case .shadow: return still(try light.shadow())
    case .vignette: return still(try light.vignette())
    case .haze: return still(try light.haze())
    case .lowContrast: return still(try light.lowContrast())
    case .tint: return still(try colour.tint())
    case .narrowBand: return still(try colour.narrowBand())
    case .whiteLight: return still(try colour.whiteLight())
    case .mucus: return still(try surface.mucus())
    case .blood: return still(try surface.blood())
    case .reflection: return still(try surface.reflection())
    case .bubbles: return still(try surface.bubbles())
    case .residue: return still(try surface.residue())
    }
  }
}
