import Foundation
import Storage
import Torch

/// Scenes that are rendered once without and once under each intervention.
///
/// `mcdrl synth --sweep` writes them. The folder holds `factors.jsonl`: lines `{"image":
/// "images/1.png", "mask": "masks/1.png", "scene": "…", "intervention": "none" or a confounder,
/// "zoom": 1}`. Paths are relative to it.
package struct Sweep: Sendable {
  /// One image of a scene.
  package struct Picture: Decodable, Sendable {
    /// The scene.
    package let scene: String
    /// The applied confounder, or `none`.
    package let intervention: String
    /// The magnification compared with the scene without near and far view.
    package let zoom: Double
    let image: String
    let mask: String
  }

  /// A scene and its images.
  package struct Scene: Sendable {
    /// Its name.
    package let name: String
    /// The image without an intervention.
    package let base: Picture
    /// The image under each intervention, in the order of the file.
    package let interventions: [Picture]
  }

  /// The folder.
  package let folder: URL
  /// The scenes in the order of the file.
  package let scenes: [Scene]
  private let survey: MaskSurvey

  /// Reads the list of images; it reads no image.
  ///
  /// - Parameter folder: the folder with `factors.jsonl`, or one that holds it as `sweep`.
  /// - Throws: `FileError` or `DatasetError.badCatalog` that names the file and the line.
  package init(_ folder: URL) throws {
    let inner = folder.appendingPathComponent("sweep")
    self.folder = SiteCatalog.isFolder(inner) ? inner : folder
    let file = self.folder.appendingPathComponent("factors.jsonl")
    var order: [String] = []
    var pictures: [String: [Picture]] = [:]
    let expected =
      "image, mask, scene, intervention and a zoom above 0, as a rendered sweep has it"
    for picture: Picture in try JSONLines.read(
      file, expected: expected, where: { $0.zoom > 0 && $0.zoom.isFinite })
    {
      if pictures[picture.scene] == nil { order.append(picture.scene) }
      pictures[picture.scene, default: []].append(picture)
    }
    scenes = try order.map { name in
      let own = pictures[name] ?? []
      let changed = own.filter { $0.intervention != "none" }
      guard let base = own.first(where: { $0.intervention == "none" }), !changed.isEmpty else {
        throw DatasetError.badCatalog(
          file, reason: "scene \(name) needs a picture of intervention \"none\" and at least one other")
      }
      return Scene(name: name, base: base, interventions: changed)
    }
    let place = self.folder
    survey = MaskSurvey(
      scenes.flatMap { [$0.base] + $0.interventions }.map {
        ListedFile(place.appendingPathComponent($0.mask))
      })
  }

  /// Returns an image as a sample, which can be read and segmented like any other.
  package func sample(_ picture: Picture) -> Sample {
    Sample(
      site: "sweep", id: "\(picture.scene)/\(picture.intervention)",
      image: ListedFile(folder.appendingPathComponent(picture.image)),
      mask: ListedFile(folder.appendingPathComponent(picture.mask)),
      lesionClass: nil, group: picture.scene, lesionLabels: nil, survey: survey)
  }
}
