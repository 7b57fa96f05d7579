import Datasets
import Foundation
import Imaging
import TestSupport

extension Reader {
  static let coco = exported("coco", COCOReader.self, ["annotations/instances_default.json"])
  static let cvat = exported("cvat", CVATReader.self, ["default.xml"])
  static let labelMe = exported("labelme", LabelMeReader.self, ["one.json", "two.json", "three.json"])
  static let labelStudio = exported("label-studio", LabelStudioReader.self, ["project.json"])

  /// A reader of an annotation format, on the fixtures of its tests; it also draws the masks.
  private static func exported(
    _ name: String, _ reader: any SourceReader.Type, _ files: [String]
  ) -> Reader {
    Reader(name: name) { folder in
      let fixture = Project.file("Tests/DatasetsTests/Fixtures/annotations/\(name)")
      for item in try FileManager.default.contentsOfDirectory(at: fixture, includingPropertiesForKeys: nil) {
        try FileManager.default.copyItem(at: item, to: folder.appendingPathComponent(item.lastPathComponent))
      }
      return files
    } read: { folder in
      let listing = try reader.listing(folder, options: ImportOptions())
      for item in listing.items {
        guard case .shapes(let shapes, let source) = item.mask else { continue }
        _ = try ShapeRaster.mask(of: shapes, width: 60, height: 60, labels: listing.labels, source: source)
      }
    }
  }
}
