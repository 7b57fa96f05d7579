import Datasets
import Imaging
import Reporting

/// Images for the page before the first result: some of each site, and one scene under every
/// intervention.
struct OpeningPictures {
  /// The number of images of a site.
  private static let perSite = 6

  let catalog: SiteCatalog
  let sweep: Sweep

  /// The rows, each with the reference drawn.
  var rows: [StudyReport.Example] {
    get throws {
      let sites = try catalog.sites.map { site in
        StudyReport.Example(
          text: "\(site.name), to train on",
          pictures: try site.samples.prefix(Self.perSite).map {
            ($0.lesionClass ?? "no lesion", try drawn($0))
          })
      }
      let scenes = try sweep.scenes.prefix(1).map { scene in
        StudyReport.Example(
          text: "one scene under each intervention",
          pictures: try ([scene.base] + scene.interventions).map {
            ($0.intervention, try drawn(sweep.sample($0)))
          })
      }
      return sites + scenes
    }
  }

  private func drawn(_ sample: Sample) throws -> Image {
    let image = try ImageFile.read(sample.image)
    guard let mask = sample.mask else { return image }
    return try Overlay.draw([.init(mask: MaskFile.read(mask), colour: .reference)], over: image)
  }
}
