import Foundation
import Imaging
import Storage
import Torch

/// The images and masks that an export writes: a data folder, or a folder of predictions.
package struct ExportSet: Sendable {
  /// A name and its value in label maps.
  package struct Label: Equatable, Sendable {
    package let name: String
    package let value: Int
  }

  /// An image with its masks.
  package struct Item: Sendable {
    /// The site; nil for predictions.
    package let site: String?
    /// The name without ending; unique within its site.
    package let stem: String
    /// The image file.
    package let image: URL
    /// The file that the masks are from, for errors.
    package let source: URL
    /// Reads a mask for each label, 0 and 255, for an image of height and width.
    fileprivate let read: @Sendable ([Int]) throws -> [Tensor]
  }

  /// The labels, in order.
  package private(set) var labels: [Label]
  /// The images, by site and name.
  package private(set) var items: [Item] = []
  /// Images that are left out, each with the reason.
  package private(set) var leftOut: [ImportListing.LeftOut] = []

  /// The name of the only label where nothing states another.
  package static let lesion = "lesion"

  /// Why frames of DICOM files are left out, and what brings them in.
  private static let noImageFile =
    "it is no image file; make a site of the DICOM files with mcdrl data import dicom, run mcdrl predict "
    + "on SITE/unlabelled, and export these predictions"

  /// The sites, by name.
  package var sites: [String] { Set(items.compactMap(\.site)).sorted() }

  /// Takes the images of a data folder; it reads no mask.
  ///
  /// - Parameters:
  ///   - catalog: the data folder; images without a mask are left out.
  ///   - sites: the sites to take; empty for all.
  ///   - label: the name of the lesions of masks without stated labels.
  /// - Throws: `DatasetError` for an unknown site and for images with one name, `ExportError` for sites
  ///   whose labels differ.
  package init(_ catalog: SiteCatalog, sites: [String], label: String = lesion) throws {
    let chosen = sites.isEmpty ? catalog.sites : try sites.map { try catalog.site($0) }
    let stated = chosen.compactMap { site in site.allSamples.first?.labels.map { (site.name, $0) } }
    if let first = stated.first {
      if let other = stated.first(where: { $0.1 != first.1 }) {
        throw ExportError.differentLabels(catalog.location, first.0, other.0)
      }
      if stated.count < chosen.count {
        let other = chosen.first { $0.allSamples.first?.labels == nil }?.name ?? ""
        throw ExportError.differentLabels(catalog.location, first.0, other)
      }
    }
    // Of several names for one value the first counts.
    var seen: Set<Int> = []
    labels = (stated.first?.1 ?? [label: 1]).filter { $0.value > 0 }.map(Label.init)
      .sorted { ($0.value, $0.name) < ($1.value, $1.name) }.filter { seen.insert($0.value).inserted }
    let values = labels.map(\.value)
    let reader = SampleReader(size: 1)
    for site in chosen {
      var names: [String: URL] = [:]
      for sample in site.allSamples {
        guard let mask = sample.mask else {
          leftOut.append(.init(file: sample.image.path, reason: "it has no mask"))
          continue
        }
        if let first = names.updateValue(sample.image, forKey: sample.id.lowercased()) {
          throw DatasetError.ambiguous(first: first, second: sample.image)
        }
        items.append(
          Item(site: site.name, stem: sample.id, image: sample.image, source: mask) { size in
            let masks: [Tensor]
            if sample.labels == nil {
              masks = [try reader.mask(mask, as: sample.convention(limits: reader.limits))]
            } else {
              let content = try MaskFile.content(mask, as: .indices)
              masks = try values.map { try SampleReader.mask(content, as: .values([$0], as: .indices)) }
            }
            for mask in masks { try SampleReader.requireSize(mask, of: sample, imageSize: size) }
            return masks
          })
      }
    }
    guard !items.isEmpty else { throw ExportError.noMasks(catalog.location, leftOut) }
  }

  /// Takes the images of a folder that `mcdrl predict` wrote.
  ///
  /// - Parameters:
  ///   - folder: the folder with `predictions.jsonl` and the masks.
  ///   - label: the name of the lesions of a run without classes.
  /// - Throws: `FileError` for the record, `ExportError` if no image has a mask.
  package init(predictions folder: URL, label: String = lesion) throws {
    let record = folder.appendingPathComponent(PredictionRecord.fileName)
    let lines = try JSONLines.read(record, as: PredictionRecord.self, expected: PredictionRecord.form)
    let classes = lines.first?.classes?.map(\.name)
    labels = (classes ?? [label]).enumerated().map { Label(name: $0.element, value: $0.offset + 1) }
    var stems = DistinctStems(lines.map(\.image))
    for line in lines {
      let image = NativePath.url(line.image)
      guard line.classes?.map(\.name) == classes else {
        throw FileError.malformed(record, reason: "\(line.image) has other classes than the first image")
      }
      guard ImageFolder.isImage(image.lastPathComponent) else {
        leftOut.append(.init(file: line.image, reason: Self.noImageFile))
        continue
      }
      let files = (line.classes?.map(\.files) ?? [line.files]).map { Self.mask(among: $0, in: folder) }
      guard let first = files.first ?? nil, files.allSatisfy({ $0 != nil }) else {
        leftOut.append(
          .init(
            file: line.image,
            reason: "it has no mask of one bit a pixel; write masks with predict --format mask"))
        continue
      }
      let masks = files.compactMap { $0 }
      items.append(
        Item(site: nil, stem: stems.next(line.image), image: image, source: first) { size in
          try masks.map { file in
            let mask = try SampleReader(size: 1).mask(file)
            guard mask.shape == size else {
              throw DatasetError.sizeMismatch(
                image: image, imageSize: size.reversed(), mask: file, maskSize: mask.shape.reversed())
            }
            return mask
          }
        })
    }
    guard !items.isEmpty else { throw ExportError.noMasks(record, leftOut) }
  }

  /// The mask among the files of an image: the one named so, or the only one, of one bit a pixel.
  ///
  /// The map of probabilities of an image that is named `x-mask` has the name of a mask, too.
  private static func mask(among names: [String], in folder: URL) -> URL? {
    let files = names.map { folder.appendingPathComponent($0) }
    let named = files.first { $0.deletingPathExtension().lastPathComponent.hasSuffix("-mask") }
    guard let file = named ?? (files.count == 1 ? files.first : nil) else { return nil }
    do {
      return try MaskFile.content(file).isBilevel ? file : nil
    } catch ImagingError.colouredMask, ImagingError.transparentMask {
      return nil
    } catch {
      // The export names a mask that is missing or damaged.
      return named
    }
  }
}

extension ExportSet.Item {
  /// Reads the parts of the masks, each with the place of its label.
  ///
  /// - Parameters:
  ///   - width: the columns of the image.
  ///   - height: the rows of the image.
  /// - Returns: the parts.
  /// - Throws: errors that name the mask.
  func regions(width: Int, height: Int) throws -> [(label: Int, component: MaskComponent)] {
    try read([height, width]).enumerated().flatMap { label, mask in
      try MaskComponents.find(in: Image(mask.to(.uint8).expandedDimension(0))).map { (label, $0) }
    }
  }

  /// Reads the masks as one map: 0, and the place of the label from 1 on.
  func labelMap(width: Int, height: Int) throws -> Image {
    let masks = try read([height, width])
    var map = try Tensor.zeros([height, width], dtype: .uint8)
    for (place, mask) in masks.enumerated() {
      map = try map * mask.not().to(.uint8) + mask.to(.uint8) * Double(place + 1)
    }
    return try Image(map.to(.uint8).expandedDimension(0))
  }
}

/// A line of `predictions.jsonl`, as far as an export reads it.
private struct PredictionRecord: Decodable {
  static let fileName = "predictions.jsonl"
  static let form = "a line of mcdrl predict with image and files"

  let image: String
  let files: [String]
  let classes: [Class]?

  struct Class: Decodable {
    let name: String
    let files: [String]

    enum CodingKeys: String, CodingKey {
      case files
      case name = "class"
    }
  }
}

extension ExportSet {
  /// Returns whether a folder is one of predictions.
  package static func holdsPredictions(_ folder: URL) -> Bool {
    FileSystem.kind(of: folder.appendingPathComponent(PredictionRecord.fileName)) == .file
  }
}

/// An export that cannot be made; each message names the folder and the fix.
package enum ExportError: Error, Equatable, CustomStringConvertible {
  /// The sites state different labels.
  case differentLabels(URL, String, String)
  /// No image has a mask; the images that were left out, with the reasons.
  case noMasks(URL, [ImportListing.LeftOut] = [])
  /// The folder holds the results of a video.
  case video(URL)

  /// One or two lines.
  package var description: String {
    switch self {
    case .differentLabels(let url, let first, let second):
      "\(url.shownPath): the sites \(first) and \(second) state different labels in sites.json5; export each "
        + "with --site, or give them the same labels"
    case .noMasks(let url, let leftOut):
      "\(url.shownPath): no image has a mask to export"
        + (leftOut.isEmpty
          ? "; give a folder of sites with masks, or one of mcdrl predict --format mask"
          : Self.reasons(leftOut))
    case .video(let url):
      "\(url.shownPath): the results of a video, which cannot be exported; make images of it with mcdrl data "
        + "import video, run mcdrl predict on these, and export the predictions"
    }
  }

  /// Describes why images were left out: each reason with its number of images and the first of them.
  private static func reasons(_ leftOut: [ImportListing.LeftOut]) -> String {
    let groups = Dictionary(grouping: leftOut, by: \.reason)
    // In the order of the first image of each.
    var seen: Set<String> = []
    let order = leftOut.map(\.reason).filter { seen.insert($0).inserted }
    return order.map { reason in
      let files = groups[reason] ?? []
      return "\nleft out: \(counted(files.count, "image")), such as "
        + "\(NativePath.shown(files.first?.file ?? "")): \(reason)"
    }.joined()
  }
}
