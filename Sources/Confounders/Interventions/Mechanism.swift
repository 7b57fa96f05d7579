import Torch

/// The change that a confounder makes to an image (ours): do(z) in image space.
///
/// It works on real images as well as rendered ones. Prompt files contain the raw values
/// (`mechanism: "narrow-band"`). Each has a strength from 0 (no change) to 1, at which most lesions
/// are still visible. `docs/reference/mechanisms.md` describes each mechanism.
public enum Mechanism: String, Codable, CaseIterable, Sendable {
  // Optics and the video chain.
  /// A Gaussian blur.
  case blur
  /// Groups of lines and colours that are shifted apart.
  case interlacing
  /// Grain, mostly of brightness.
  case noise
  /// Blocks of 8×8 pixels, as of a low JPEG quality.
  case compression
  /// Edges that are overdrawn.
  case sharpening
  /// Fewer pixels: reduced and enlarged again.
  case lowResolution = "low-resolution"
  /// A blur along one direction.
  case motionBlur = "motion-blur"
  /// A blur in parts of the image.
  case unevenFocus = "uneven-focus"

  // Light.
  /// Too much light, with haze.
  case bright
  /// Too little light, least at the edges.
  case dark
  /// A soft dark band.
  case shadow
  /// Darker towards the edges.
  case vignette
  /// A pale veil.
  case haze
  /// A spot of light, with the rest in shade.
  case unevenLight = "uneven-light"
  /// Every value nearer to the mean.
  case lowContrast = "low-contrast"

  // Technology and colour.
  /// A factor for each colour, and another saturation.
  case tint
  /// Less blue.
  case warm
  /// Narrow-band imaging: the colours exchanged, with dark fine vessels.
  case narrowBand = "narrow-band"
  /// A cold lamp: paler and a little brighter.
  case whiteLight = "white-light"

  // Distance.
  /// A near view: the content is larger. The mask changes, too.
  case near
  /// A far view: the content is smaller. The mask changes, too.
  case far

  // Objects on the mucosa.
  /// A yellowish film with clumps and threads.
  case mucus
  /// A red film with stains.
  case blood
  /// A cluster of white glints.
  case reflection
  /// Rings with glints.
  case bubbles
  /// Opaque ochre clumps.
  case residue

  // Dyes on the mucosa.
  /// Blue dye in the grooves between pits.
  case indigoCarmine = "indigo-carmine"
  /// Brown stain in patches.
  case lugol

  // Things between tissue and viewer.
  /// A metal shaft from the border.
  case instrument
  /// Burned-in text and a menu.
  case text
  /// Another outline of the view. The mask loses what it hides.
  case viewBorder = "view-border"

  // Thin objects over the image.
  /// Long dark strokes.
  case hair
  /// Short dark strokes.
  case stubble
  /// Broad strokes of dye.
  case ink
  /// Marks along one side.
  case ruler
  /// Bright bent lines with two walls.
  case tubes

  // Skin, retina and stained sections.
  /// A band in which the tissue lies twice.
  case fold
  /// More of the stain haematoxylin and less of eosin.
  case haematoxylin
  /// More of the stain eosin and less of haematoxylin.
  case eosin
  /// A higher optical density of the tissue.
  case strongStain = "strong-stain"
  /// A lower optical density of the tissue.
  case weakStain = "weak-stain"
  /// Less melanin.
  case lightPigment = "light-pigment"
  /// More melanin.
  case darkPigment = "dark-pigment"

  // Ultrasound.
  /// Echoes multiplied by coarse grains.
  case speckle
  /// Every echo higher by the same decibels.
  case highGain = "high-gain"
  /// Every echo lower by the same decibels.
  case lowGain = "low-gain"
  /// Darkness behind a place, downwards.
  case acousticShadow = "acoustic-shadow"

  /// Whether positions move, so that the mask moves too.
  public var movesPixels: Bool { self == .near || self == .far }

  /// Whether parts of the lesion may be hidden, so that the mask loses them.
  public var hidesPixels: Bool { self == .viewBorder }

  /// All names, for messages.
  static var list: String { allCases.map(\.rawValue).joined(separator: ", ") }

  /// Applies the mechanism: n×3×S×S images and their masks; values may leave 0 to 1.
  func callAsFunction(_ canvas: Canvas) throws -> (images: Tensor, masks: Tensor) {
    let (optics, light) = (OpticsMechanisms(canvas: canvas), LightMechanisms(canvas: canvas))
    let (colour, surface) = (ColourMechanisms(canvas: canvas), SurfaceMechanisms(canvas: canvas))
    let (mark, specimen) = (MarkMechanisms(canvas: canvas), SpecimenMechanisms(canvas: canvas))
    let (dye, device) = (DyeMechanisms(canvas: canvas), DeviceMechanisms(canvas: canvas))
    let ultrasound = UltrasoundMechanisms(canvas: canvas)
    let distance = DistanceMechanisms(canvas: canvas)
    func still(_ images: Tensor) -> (images: Tensor, masks: Tensor) { (images, canvas.masks) }
    switch self {
    case .near: return try distance.near()
    case .far: return try distance.far()
    case .viewBorder: return try device.viewBorder()
    case .blur: return still(try optics.blur())
    case .motionBlur: return still(try optics.motionBlur())
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
    case .indigoCarmine: return still(try dye.indigoCarmine())
    case .lugol: return still(try dye.lugol())
    case .instrument: return still(try device.instrument())
    case .text: return still(try device.text())
    case .sharpening: return still(try optics.sharpening())
    case .unevenFocus: return still(try optics.unevenFocus())
    case .warm: return still(try colour.warm())
    case .hair: return still(try mark.hair())
    case .stubble: return still(try mark.stubble())
    case .ink: return still(try mark.ink())
    case .ruler: return still(try mark.ruler())
    case .tubes: return still(try mark.tubes())
    case .fold: return still(try specimen.fold())
    case .haematoxylin: return still(try specimen.haematoxylin())
    case .eosin: return still(try specimen.eosin())
    case .strongStain: return still(try specimen.strongStain())
    case .weakStain: return still(try specimen.weakStain())
    case .lightPigment: return still(try specimen.lightPigment())
    case .darkPigment: return still(try specimen.darkPigment())
    case .speckle: return still(try ultrasound.speckle())
    case .highGain: return still(try ultrasound.highGain())
    case .lowGain: return still(try ultrasound.lowGain())
    case .acousticShadow: return still(try ultrasound.acousticShadow())
    }
  }
}
