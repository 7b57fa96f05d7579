import CLIP
import Datasets
import Foundation
import Segmentation
import Torch
import Training

/// The style of images: channel means and deviations after an early layer, and the image embedding.
///
/// These are the statistics that `PromptStyles` changes. Only one batch of pictures is in memory.
package struct StyleStatistics: Sendable {
  /// The images.
  package let samples: [Sample]
  /// The number of tower layers (of a ResNet: stages) before the statistics.
  package let depth: Int
  /// The mean of each channel, then the logarithm of its deviation, float32, n×2c.
  package let statistics: Tensor
  /// The image embeddings, L2-normalised, float32, n×d.
  package let embeddings: Tensor

  /// The number of channels c.
  package var channels: Int { statistics.shape[1] / 2 }

  private static let batch = 16

  /// Measures images.
  ///
  /// - Parameters:
  ///   - samples: the images, at least one.
  ///   - clip: the model.
  ///   - depth: the number of layers before the statistics.
  ///   - progress: receives the number of finished images.
  /// - Throws: `ImagingError` that names a file, or `TorchError`.
  package init(
    of samples: [Sample], _ clip: CLIPModel, depth: Int = PromptStyles.Search().depth,
    progress: (Int) -> Void = { _ in }
  ) throws {
    let reader = SampleReader(size: clip.preparation.size)
    let normalization = try PixelNormalization(
      mean: clip.preparation.mean, deviation: clip.preparation.deviation)
    let tower = try clip.vision.compiled(for: .float32)
    var (statistics, embeddings): ([Tensor], [Tensor]) = ([], [])
    for start in stride(from: 0, to: samples.count, by: Self.batch) {
      let files = samples[start..<min(samples.count, start + Self.batch)].map(\.image)
      let pictures = try concurrentMap(count: files.count) { try reader.scaled(reader.image(files[$0])) }
      try inferenceMode {
        let pixels = try normalization(Tensor.stacked(pictures).to(.float32) / 255)
        let trunk = try tower.trunk(pixels, depth: depth)
        let style = try PromptStyles.Statistics(trunk.input)
        let parts = try [style.mean, style.deviation.log()].map { try $0.reshaped([files.count, -1]) }
        statistics.append(try .concatenated(parts, dim: 1))
        embeddings.append(try tower(trunk, dense: nil).image.to(.float32).normalized())
      }
      progress(start + files.count)
    }
    self.samples = samples
    self.depth = depth
    self.statistics = try .concatenated(statistics, dim: 0)
    self.embeddings = try .concatenated(embeddings, dim: 0)
  }

  /// The minimum number of images of a site.
  package static let least = 8

  /// Selects at most `limit` images of each site that takes part, evenly spread.
  ///
  /// - Parameters:
  ///   - catalog: the sites.
  ///   - heldOut: the site that takes no part; nil if all do.
  ///   - entries: the number of entries of the dictionary.
  ///   - limit: the maximum number of images of a site.
  /// - Returns: the images, site by site.
  /// - Throws: `SuggestionError` that names a site, or `DatasetError` for an unknown held-out site.
  package static func samples(
    of catalog: SiteCatalog, heldOut: String?, entries: Int, limit: Int
  ) throws -> [Sample] {
    let apart = try heldOut.map { try catalog.site($0).name }
    let sites = catalog.sites.filter { $0.name != apart }
    guard sites.count > 1 else { throw SuggestionError.tooFewSites(sites.map(\.name), heldOut: apart) }
    if let small = sites.first(where: { $0.samples.count < least }) {
      throw SuggestionError.tooFewImages(site: small.name, count: small.samples.count, least: least)
    }
    let samples = sites.flatMap { DiagnosisImages.spread($0.samples, limit) }
    // With as many entries as images, a regression would explain everything.
    let needed = 2 * (entries + sites.count)
    guard samples.count >= needed else {
      throw SuggestionError.tooFewForEntries(count: samples.count, entries: entries, least: needed)
    }
    return samples
  }
}
