import Foundation
import Imaging
import Torch

/// Images that would be trained on at one site and, as the same patient or the same picture, scored at another.
///
/// Leave-one-site-out trains on the images of some sites and scores another on its `test` images, or on its own where it
/// states none. A pair leaks when one of it is trained on and the other is scored, at two sites. A site's own images and
/// its `test` images are no such pair: when the site is held out, its own images are not trained on.
///
/// Found are three kinds: a patient or sequence that `sites.json5` states at two sites, the same picture to the pixel,
/// and near-duplicates (`NearDuplicates` says which). Images whose group is not stated are told apart by their pictures
/// alone. Pictures without details, such as black frames, say nothing of a patient and are not compared.
public struct LeakageReport: Codable, Sendable {
  /// What a pair has in common.
  public enum Kind: String, Codable, Sendable {
    /// The stated patient or sequence.
    case group
    /// Every pixel.
    case duplicate
    /// The picture, but for compression, size, brightness or a small shift.
    case nearDuplicate = "near_duplicate"
  }

  /// One side of a pair.
  public struct Picture: Codable, Equatable, Sendable {
    /// The site.
    public let site: String
    /// The file name without its ending.
    public let id: String
    /// The file.
    public let image: String

    init(_ sample: Sample) {
      site = sample.site
      id = sample.id
      image = sample.image.path
    }
  }

  /// A pair on both sides of the border.
  public struct Finding: Codable, Equatable, Sendable {
    /// What it has in common.
    public let kind: Kind
    /// The first by the order of the sites.
    public let first: Picture
    /// The other.
    public let second: Picture
    /// The patient or sequence; nil for pictures.
    public let group: String?
    /// Correlation of the two pictures' details, 1 for the same pixels; nil for groups.
    public let similarity: Double?
  }

  /// How many images were compared.
  public let images: Int
  /// Groups first (one pair for each group and pair of sites), then pictures, the most alike first.
  public let findings: [Finding]

  /// Compares what is trained on with what is scored; reads every image once.
  ///
  /// - Parameters:
  ///   - catalog: the sites.
  ///   - heldOut: the sites that are held out in turn; nil for all.
  ///   - limits: how large a file may be.
  ///   - workers: images read side by side; nil for one a core.
  ///   - progress: told how many images are read, from any thread.
  /// - Throws: `DatasetError.unknownSite`, or `ImagingError` that names a file that cannot be read.
  public init(
    _ catalog: SiteCatalog, heldOut: [String]? = nil, limits: ImageLimits = .default, workers: Int? = nil,
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws {
    let border = Border(catalog.sites, heldOut: try heldOut.map { try $0.map { try catalog.site($0).name } })
    let done = Tally()
    let samples = border.samples
    let thumbnails = try concurrentMap(count: samples.count, threads: workers) { index in
      let thumbnail = try NearDuplicates.thumbnail(reading: samples[index].image, limits: limits)
      progress(done.add())
      return thumbnail
    }
    let pairs = try NearDuplicates.pairs(thumbnails, border: border)
    try self.init(border, pairs, reader: SampleReader(size: 1, limits: limits))
  }

  /// Joins what the catalogue states with the pairs that look alike.
  init(_ border: Border, _ pairs: [NearDuplicates.Pair], reader: SampleReader) throws {
    images = border.samples.count
    let pictures = try pairs.map { pair in
      let (first, second) = (border.samples[pair.first], border.samples[pair.second])
      let isSame = try NearDuplicates.isSame(first, second, reader)
      return Finding(
        kind: isSame ? .duplicate : .nearDuplicate, first: Picture(first), second: Picture(second),
        group: nil, similarity: isSame ? 1 : pair.similarity)
    }
    findings = border.groups() + pictures.sorted { ($0.similarity ?? 0) > ($1.similarity ?? 0) }
  }

  /// The error to stop with; nil when nothing was found.
  public var error: LeakageError? { findings.isEmpty ? nil : LeakageError(findings: findings) }
}

extension LeakageReport.Finding: CustomStringConvertible {
  /// One line that names both images.
  public var description: String {
    let what =
      switch kind {
      case .group: "the patient or sequence \"\(group ?? "")\" stands at two sites"
      case .duplicate: "the same picture stands at two sites"
      case .nearDuplicate: "nearly the same picture stands at two sites"
      }
    return "\(first.image) (site \(first.site)): \(what), see \(second.image) (site \(second.site))"
  }
}

/// A leave-one-site-out that would score images which, as the same patient or picture, it has trained on.
public struct LeakageError: Error, Equatable, CustomStringConvertible {
  /// What was found; at least one.
  public let findings: [LeakageReport.Finding]

  /// Two or three lines: the first pair, how many there are, and what to do.
  public var description: String {
    let first = findings.first.map { "\($0)" } ?? ""
    let rest = findings.count > 1 ? "; \(findings.count - 1) more pairs like this" : ""
    let groups =
      findings.contains { $0.kind == .group }
      ? "if the names of patients are local to their site, say groupsAreLocal: true in sites.json5\n" : ""
    return "\(first)\(rest)\n\(groups)keep one of each pair, or allow them; an inspection of the data lists "
      + "them all"
  }
}
