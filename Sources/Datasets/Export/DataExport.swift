import Foundation
import Imaging
import Storage
import Torch

/// The formats of exports.
package enum ExportFormat: String, CaseIterable, Sendable {
  case coco, cvat, labelme
  case labelStudio = "label-studio"
  case nnunet
}

/// Writes images and masks for other tools.
///
/// Every mask comes back pixel for pixel.
package struct DataExport: Sendable {
  /// The counts of an export.
  package struct Summary: Encodable, Equatable, Sendable {
    /// The format.
    package let format: String
    /// The images.
    package let images: Int
    /// The images that EXIF turns, which are stored upright as PNG; nil for label maps.
    package let turned: Int?
    /// The separate lesions of all images; nil for label maps.
    package let regions: Int?
    /// The labels with their values.
    package let labels: [String: Int]
    /// The files that state the annotations, relative to the folder.
    package let files: [String]
  }

  /// An image that is being written.
  struct Picture: Sendable {
    /// The path below the folder of images, such as `c1/0001.jpg`.
    let path: String
    let width: Int
    let height: Int
    let item: ExportSet.Item
    /// Whether the image file is turned by its EXIF, and the copy upright.
    let isTurned: Bool
  }

  /// The images that are read before their annotations are written.
  private static let batch = 32

  private let set: ExportSet
  private let folder: URL

  /// - Parameters:
  ///   - set: the images and masks.
  ///   - folder: the folder to write, which is empty.
  package init(_ set: ExportSet, to folder: URL) { (self.set, self.folder) = (set, folder) }

  /// Writes the images and the annotations.
  ///
  /// - Parameters:
  ///   - format: the format.
  ///   - name: the name of the data set, for nnU-Net.
  ///   - progress: receives the number of images that are done.
  /// - Returns: the counts.
  /// - Throws: errors that name the image, the mask or the file.
  package func write(
    _ format: ExportFormat, name: String = "MCDRL", progress: (Int) -> Void = { _ in }
  ) throws -> Summary {
    if format == .nnunet { return try writeNNUNet(name: name, progress) }
    var writer: any AnnotationWriter =
      switch format {
      case .cvat: CVATWriter(set.labels, count: set.items.count)
      case .labelme: LabelMeWriter(set.labels)
      case .labelStudio: LabelStudioWriter(set.labels)
      default: COCOWriter(set.labels)
      }
    var (regions, turned) = (0, 0)
    for start in stride(from: 0, to: set.items.count, by: Self.batch) {
      let items = Array(set.items[start..<min(set.items.count, start + Self.batch)])
      let parent = writer.imageFolder
      // Files are read and copied on all cores. Annotations follow in the order of the images.
      let read = try concurrentMap(count: items.count) { index in
        let picture = try copy(items[index], below: parent)
        return (
          picture: picture,
          regions: try items[index].regions(width: picture.width, height: picture.height)
        )
      }
      for (index, (picture, found)) in read.enumerated() {
        turned += picture.isTurned ? 1 : 0
        regions += found.count
        do {
          try writer.add(picture, found, to: folder)
        } catch let error as RunLengthError {
          throw ImportError.malformed(picture.item.source, reason: "\(error)")
        }
        progress(start + index + 1)
      }
    }
    return Summary(
      format: format.rawValue, images: set.items.count, turned: turned, regions: regions, labels: labels,
      files: try writer.finish(in: folder))
  }

  private var labels: [String: Int] {
    Dictionary(set.labels.map { ($0.name, $0.value) }) { first, _ in first }
  }

  /// Copies an image; one that browsers cannot show, or that EXIF turns, becomes an upright PNG.
  ///
  /// Masks are of the upright image, and not all tools read EXIF.
  private func copy(_ item: ExportSet.Item, below parent: String) throws -> Picture {
    let content = try Data(file: item.image, limit: ImageLimits.default.maximumFileBytes)
    let bytes = Array(content)
    let isTurned = try !ImageFile.facts(of: bytes, file: item.image.path).isUpright
    let ending = item.image.pathExtension.lowercased()
    let isCopied = !isTurned && ["jpg", "jpeg", "png"].contains(ending)
    let site = set.sites.count > 1 ? item.site : nil
    let path = [site, item.stem + "." + (isCopied ? ending : "png")].compactMap { $0 }
      .joined(separator: "/")
    let target = folder.appendingPathComponent(parent.isEmpty ? path : "\(parent)/\(path)")
    try FileManager.default.createFolder(target.deletingLastPathComponent())
    let size: (width: Int, height: Int)
    if isCopied {
      size = try ImageFile.size(item.image)
      try AtomicFile.write(content, to: target)
    } else {
      let image = try ImageFile.decode(bytes, file: item.image.path)
      size = (image.width, image.height)
      try ImageFile.writePNG(image, to: target)
    }
    return Picture(path: path, width: size.width, height: size.height, item: item, isTurned: isTurned)
  }

  /// Writes nnU-Net's raw data set: RGB images, label maps, and a split that leaves each site out.
  ///
  /// - Throws: errors that name the image, the mask or the file.
  private func writeNNUNet(name: String, _ progress: (Int) -> Void) throws -> Summary {
    let dataset = folder.appendingPathComponent("Dataset001_\(Self.plain(name))")
    let (images, masks) = (
      dataset.appendingPathComponent("imagesTr"), dataset.appendingPathComponent("labelsTr")
    )
    for part in [images, masks] { try FileManager.default.createFolder(part) }
    var cases: [(name: String, site: String?)] = []
    var names: Set<String> = []
    for item in set.items {
      let plain = Self.plain([item.site, item.stem].compactMap { $0 }.joined(separator: "_"))
      var (name, number) = (plain, 2)
      while !names.insert(name.lowercased()).inserted { (name, number) = ("\(plain)_\(number)", number + 1) }
      cases.append((name, item.site))
    }
    for start in stride(from: 0, to: cases.count, by: Self.batch) {
      let part = cases[start..<min(cases.count, start + Self.batch)].map(\.name)
      _ = try concurrentMap(count: part.count) { index in
        let (item, name) = (set.items[start + index], part[index])
        let image = try ImageFile.read(item.image)
        try ImageFile.writePNG(image.rgb, to: images.appendingPathComponent("\(name)_0000.png"))
        try MaskFile.writeLabels(
          try item.labelMap(width: image.width, height: image.height),
          to: masks.appendingPathComponent("\(name).png"))
        return true
      }
      progress(start + part.count)
    }
    let values = Dictionary(set.labels.enumerated().map { ($0.element.name, $0.offset + 1) }) { first, _ in
      first
    }
    var files = ["\(dataset.lastPathComponent)/dataset.json"]
    try AtomicFile.write(
      json: NNUNetDescription(labels: values, count: cases.count),
      to: dataset.appendingPathComponent("dataset.json"))
    if set.sites.count > 1 {
      let splits = set.sites.map { site in
        [
          "train": cases.filter { $0.site != site }.map(\.name),
          "val": cases.filter { $0.site == site }.map(\.name),
        ]
      }
      try AtomicFile.write(json: splits, to: dataset.appendingPathComponent("splits_final.json"))
      files.append("\(dataset.lastPathComponent)/splits_final.json")
    }
    return Summary(
      format: ExportFormat.nnunet.rawValue, images: cases.count, turned: nil, regions: nil, labels: values,
      files: files)
  }

  /// A name of letters, digits, hyphens and underscores.
  private static func plain(_ name: String) -> String {
    String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber) || $0 == "-" ? $0 : "_" })
  }
}

/// The `dataset.json` of nnU-Net.
private struct NNUNetDescription: Encodable {
  let channel_names = ["0": "R", "1": "G", "2": "B"]
  let labels: [String: Int]
  let numTraining: Int
  let file_ending = ".png"

  init(labels: [String: Int], count: Int) {
    self.labels = labels.merging(["background": 0]) { own, _ in own }
    numTraining = count
  }
}

/// Collects the annotations of an export.
protocol AnnotationWriter {
  /// The folder of the images, relative to the export.
  var imageFolder: String { get }
  /// Adds an image with its regions; the image itself is written.
  mutating func add(
    _ picture: DataExport.Picture, _ regions: [(label: Int, component: MaskComponent)], to folder: URL) throws
  /// Writes what is left, and returns the files that state the annotations.
  func finish(in folder: URL) throws -> [String]
}
