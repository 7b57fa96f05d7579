import Torch

/// Amplitudes of an image's Fourier transform are mixed with another's; the phase, which carries the shapes, stays.
///
/// Xu, Zhang, Zhang, Wang and Tian, A Fourier-based Framework for Domain Generalization (FACT), CVPR 2021:
/// (1 − λ)·A(x) + λ·A(x'), λ drawn evenly from 0 to `strength`, over the whole spectrum, cut to the range of pixels. FACT
/// learns from every image twice, as it is and mixed; here, at equal budget, once, mixed with probability 1/2. Partners are
/// of other sites; FACT draws them from all. FACT's teacher with its consistency loss is not part of it: the amplitude
/// mixing alone is.
///
/// Yang and Soatto, FDA: Fourier Domain Adaptation for Semantic Segmentation, CVPR 2020, is the setting `least` = 1,
/// `band` = 0.05: amplitudes of the lowest frequencies are the partner's, up to `band` times the image's side.
final class FourierMixing: SegmentationMethod {
  override class var name: String { "fourier" }
  override class var summary: String { "mixes Fourier amplitudes between images of different sites" }
  override class var reference: String {
    "Xu et al.: A Fourier-based Framework for Domain Generalization. CVPR 2021; Yang, Soatto: FDA. CVPR 2020"
  }
  override class var defaults: [String: Double] {
    ["strength": 1, "least": 0, "band": 0.5, "probability": 0.5]
  }
  override class var changesImages: Bool { true }

  private let strength: Double
  private let least: Double
  private let band: Double
  private let probability: Double

  required init(_ context: MethodContext) throws {
    strength = try context.option("strength", of: Self.self, in: 0...1)
    least = try context.option("least", of: Self.self, in: 0...strength)
    band = try context.option("band", of: Self.self, in: 0...0.5)
    probability = try context.option("probability", of: Self.self, in: 0...1)
    try super.init(context)
  }

  override func images(_ images: Tensor, _ pass: TrainingPass) throws -> Tensor {
    let count = pass.sites.count
    let partners = try Partners.drawn(sites: pass.sites, generator: pass.generator).to(images.device)
    let share = try Tensor.randomUniform(
      [count, 1, 1, 1], low: least, high: strength, generator: pass.generator)
    let chosen = try Tensor.randomUniform([count, 1, 1, 1], generator: pass.generator).less(than: probability)
    let mixed = try Self.mixed(
      images, with: images.indexed(partners), share: share.to(images.device), band: band)
    return try chosen.to(images.device).choose(mixed, else: images)
  }

  /// Images with a share of others' amplitudes.
  ///
  /// - Parameters:
  ///   - images: B×3×H×W, 0 to 1.
  ///   - others: of the same shape.
  ///   - share: λ, broadcast.
  ///   - band: the highest frequency that is mixed, as a share of the smaller side; 0.5 for all.
  /// - Returns: B×3×H×W, 0 to 1.
  /// - Throws: `TorchError` when shapes differ.
  static func mixed(_ images: Tensor, with others: Tensor, share: Tensor, band: Double) throws -> Tensor {
    let (height, width) = (try images.size(-2), try images.size(-1))
    let (own, phase) = try images.spectrum()
    let other = try others.spectrum().amplitude
    let highest = Int(band * Double(min(height, width)))
    let rows = (0..<height).map { min($0, height - $0) <= highest || band == 0.5 }
    let columns = (0...width / 2).map { $0 <= highest || band == 0.5 }
    let within = try Tensor(rows, shape: [height, 1]).and(Tensor(columns, shape: [1, columns.count]))
    let weight = try share * within.to(.float32).to(images.device)
    return try Tensor.from(
      amplitude: own + (other - own) * weight, phase: phase, height: height, width: width
    ).clamped(min: 0, max: 1)
  }
}
