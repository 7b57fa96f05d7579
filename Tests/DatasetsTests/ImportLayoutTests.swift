import Foundation
import Imaging
import TestSupport
import Testing

@testable import Datasets

@Suite("Layouts of public sets")
struct ImportLayoutTests {
  /// Checks that a source is found by its layout alone.
  private func expectFound(_ trial: ImportTrial, _ kind: String) {
    #expect(ImportKind.fitting(trial.source).map(\.name) == [kind])
  }

  @Test("Kvasir-SEG: JPEG masks are thresholded, and image files stay byte for byte")
  func kvasir() throws {
    let trial = try ImportTrial()
    for number in 0..<3 {
      try trial.pair("images/k\(number).jpg", "masks/k\(number).jpg", number, value: 250)
    }
    try trial.scratch.text("source/kavsir_bboxes.json", "{}")
    expectFound(trial, "kvasir-seg")
    let record = try #require(try trial.run("kvasir-seg")["s"])
    #expect(record.stems == ["k0", "k1", "k2"])
    #expect(record.images.allSatisfy { $0.repairs == ["JPEG mask thresholded: levels above 127 are lesion"] })
    #expect(record.reason("kavsir_bboxes.json") == "it is no image")
    for number in 0..<3 {
      #expect(try trial.mask("s/masks/k\(number).png") == ImportTrial.mask(number))
      #expect(
        try Data(contentsOf: trial.source.appendingPathComponent("images/k\(number).jpg"))
          == Data(contentsOf: trial.data.appendingPathComponent("s/images/k\(number).jpg")))
    }
    let site = try SiteCatalog(at: trial.data).site("s")
    #expect(
      site.samples.allSatisfy { $0.lesionClass == "polyp" } && site.origin.citation?.contains("Jha") == true)
  }

  @Test("CVC-ClinicDB: groups are the 29 sequences, and a copy with TIF/ and PNG/ counts once")
  func clinic() throws {
    let trial = try ImportTrial()
    for (number, frame) in [1, 25, 26, 612].enumerated() {
      try trial.pair("TIF/Original/\(frame).tif", "TIF/Ground Truth/\(frame).tif", number)
      try trial.pair("PNG/Original/\(frame).png", "PNG/Ground Truth/\(frame).png", number)
    }
    expectFound(trial, "cvc-clinicdb")
    let record = try #require(try trial.run("cvc-clinicdb")["s"])
    let groups = Dictionary(uniqueKeysWithValues: zip(record.stems, record.images.map(\.group)))
    let name = "cvc-clinicdb-sequence-"
    #expect(groups == ["1": name + "1", "25": name + "1", "26": name + "2", "612": name + "29"])
    #expect(record.reason("PNG").contains("repeats"))
    #expect(try trial.mask("s/masks/26.png") == ImportTrial.mask(2))
    #expect(ClinicLayout.sequence("613") == nil && ClinicLayout.sequence("x") == nil)
    #expect(try SiteCatalog(at: trial.data).site("s").samples.first?.statedGroup == name + "1")
  }

  @Test("CVC-ColonDB: pN.bmp is the mask of N.bmp; s and c are left out; PraNet's pack works, too")
  func colon() throws {
    let trial = try ImportTrial()
    for number in [1, 2, 10] {
      try trial.pair("\(number).bmp", "p\(number).bmp", number)
      for letter in ["s", "c"] { try trial.write("\(letter)\(number).bmp", channels: 1, ImportTrial.mask(0)) }
    }
    expectFound(trial, "cvc-colondb")
    let record = try #require(try trial.run("cvc-colondb")["s"])
    #expect(record.stems == ["1", "10", "2"] && record.leftOut.count == 6)
    #expect(
      record.reason("s10.bmp").contains("without information") && record.reason("c1.bmp").contains("contour"))
    for number in [1, 2, 10] {
      #expect(try trial.mask("s/masks/\(number).png") == ImportTrial.mask(number))
    }
    let pack = try ImportTrial()
    try pack.pair("CVC-ColonDB/images/4.png", "CVC-ColonDB/masks/4.png", 1)
    expectFound(pack, "cvc-colondb")
    #expect(try pack.run("cvc-colondb")["s"]?.stems == ["4"])
  }

  @Test("CVC-300: the frames of EndoScene without those of CVC-612")
  func endoScene() throws {
    let trial = try ImportTrial()
    try trial.pair("CVC-300/bbdd/1.bmp", "CVC-300/gtpolyp/1.bmp", 1)
    try trial.write("CVC-300/gtlumen/1.bmp", channels: 1, ImportTrial.mask(0))
    try trial.pair("CVC-612/bbdd/1.bmp", "CVC-612/gtpolyp/1.tif", 2)
    expectFound(trial, "cvc-300")
    let record = try #require(try trial.run("cvc-300")["s"])
    #expect(record.images.map(\.from) == ["CVC-300/bbdd/1.bmp"])
    #expect(record.reason("CVC-612") == "it is not CVC-300")
    #expect(record.reason("CVC-300/gtlumen/1.bmp") == "it has no part in this layout")
    #expect(try trial.mask("s/masks/1.png") == ImportTrial.mask(1))
  }

  @Test("ETIS-Larib: pN is the mask of N, whatever the order of the names")
  func etis() throws {
    let trial = try ImportTrial()
    for number in [1, 2, 10] {
      try trial.pair("ETIS-LaribPolypDB/\(number).tif", "Ground Truth/p\(number).tif", number)
    }
    try trial.write("Ground Truth/p11.tif", channels: 1, ImportTrial.mask(0))
    expectFound(trial, "etis")
    let record = try #require(try trial.run("etis")["s"])
    #expect(record.stems == ["1", "10", "2"])
    #expect(record.reason("Ground Truth/p11.tif") == "there is no image of its name")
    #expect(try trial.mask("s/masks/10.png") == ImportTrial.mask(10))
  }

  @Test(
    "PolypGen: a site for each centre, the stray underscore, sequences, black masks, negatives on request")
  func polypGen() throws {
    let trial = try ImportTrial()
    try trial.pair("data_C1/images_C1/a.jpg", "data_C1/masks_C1/a_mask.jpg", 0)
    try trial.pair("data_C3/images_C3/C3_00489_.jpg", "data_C3/masks_C3/C3_00489_mask.jpg", 1)
    try trial.image("data_C6/bbox_images_C6/a_mask_bbox.jpg", 1)
    try trial.image("imagesAll_positive/a.jpg", 0)
    let positive = "sequenceData/positive"
    try trial.pair("\(positive)/seq2/images_seq2/f.jpg", "\(positive)/seq2/masks_seq2/f_mask.jpg", 2)
    try trial.pair(
      "\(positive)/seq7/images_seq7/g.jpg", "\(positive)/seq7/masks_seq7/g_mask.jpg", 2, value: 0)
    try trial.image("sequenceData/negativeOnly/seq3_neg/n.jpg", 3)
    expectFound(trial, "polypgen")
    let records = try trial.run("polypgen")
    #expect(records.keys.sorted() == ["s-C1", "s-C3", "s-sequences"])
    #expect(
      records["s-C3"]?.stems == ["C3_00489_"] && records["s-sequences"]?.images[0].group == "polypgen-seq2")
    #expect(try trial.mask("s-C3/masks/C3_00489_.png") == ImportTrial.mask(1))
    let record = try #require(records["s-C1"])
    #expect(record.reason("\(positive)/seq7/images_seq7").contains("black"))
    #expect(record.reason("imagesAll_positive").contains("repeats"))
    #expect(record.reason("sequenceData/negativeOnly/seq3_neg").contains("--part negatives"))

    let negatives = try trial.run("polypgen", site: "n") { $0.parts = ["negatives"] }
    #expect(negatives["n"]?.images.map(\.maskFrom) == [[]])
    #expect(try trial.mask("n/masks/n.png").allSatisfy { $0 == 0 })
    #expect(try SiteCatalog(at: trial.data, defaultClass: "polyp").site("n").samples[0].lesionClass == nil)
    let text = message { try trial.run("polypgen") { $0.parts = ["C9"] } }
    #expect(text.contains("--part") && text.contains("C1, C3, sequences"), "\(text)")
  }

  @Test("BKAI-IGH NeoPolyp: red and green become labels, and the images without public masks are left out")
  func neoPolyp() throws {
    let trial = try ImportTrial()
    for number in 1...2 {
      try trial.image("train/train/\(number)a.jpeg", number)
      let colours = ImportTrial.mask(number).flatMap { level -> [UInt8] in
        number == 1 ? [level, 0, 0] : [0, level, 0]
      }
      try trial.write("train_gt/train_gt/\(number)a.jpeg", channels: 3, colours)
    }
    try trial.image("test/test/x.jpeg", 3)
    expectFound(trial, "bkai")
    let record = try #require(try trial.run("bkai")["s"])
    #expect(record.reason("test/test/x.jpeg").contains("not public"))
    for number in 1...2 {
      let labels = try MaskFile.read(
        trial.data.appendingPathComponent("s/masks/\(number)a.png"), as: .indices)
      // JPEG shares colours among neighbours, so single pixels at the edges may fall on either side.
      let wrong = zip(labels.pixels, ImportTrial.mask(number, value: UInt8(number))).count { $0 != $1 }
      #expect(wrong <= labels.pixels.count / 20)
    }
    let sample = try SiteCatalog(at: trial.data).site("s").samples[0]
    #expect(sample.labels == ["neoplastic": 1, "non-neoplastic": 2])
  }

  @Test("SUN-SEG: the parts are sites, and the case is the group in all of them")
  func sun() throws {
    let trial = try ImportTrial()
    for (number, place) in [
      "TrainDataset case1_1", "TestEasyDataset/Seen case1_2", "TestHardDataset/Unseen case9_3",
    ]
    .enumerated() {
      let parts = place.split(separator: " ")
      try trial.pair("\(parts[0])/Frame/\(parts[1])/f.jpg", "\(parts[0])/GT/\(parts[1])/f.png", number)
    }
    expectFound(trial, "sun-seg")
    let records = try trial.run("sun-seg")
    #expect(
      records.mapValues { $0.images[0].group } == [
        "s-train": "sun-case1", "s-easy-seen": "sun-case1", "s-hard-unseen": "sun-case9",
      ])
    #expect(try trial.mask("s-hard-unseen/masks/f.png") == ImportTrial.mask(2))
  }

  @Test("PolypDB: centres are the sites, names have spaces, and an image without a mask is left out")
  func polypDB() throws {
    let trial = try ImportTrial()
    for (number, centre) in ["Simula", "BKAI"].enumerated() {
      for tree in ["PolypDB_center_wise/\(centre)/WLI", "PolypDB_modality_wise/WLI"] {
        try trial.pair("\(tree)/images/a \(number).jpg", "\(tree)/masks/a \(number).jpg", number)
      }
    }
    try trial.image("PolypDB_center_wise/BKAI/WLI/images/no mask.jpg", 5)
    expectFound(trial, "polypdb")
    let records = try trial.run("polypdb")
    #expect(records.mapValues(\.stems) == ["s-Simula": ["a 0"], "s-BKAI": ["a 1"]])
    let record = try #require(records["s-BKAI"])
    #expect(record.reason("PolypDB_center_wise/BKAI/WLI/images/no mask.jpg") == "it has no mask of its name")
    #expect(record.reason("PolypDB_modality_wise/WLI").contains("repeats"))
    #expect(try trial.mask("s-BKAI/masks/a 1.png") == ImportTrial.mask(1))
  }

  @Test("BM-BronchoLC: outlines of lesions by image, patients as groups, landmarks left out")
  func broncho() throws {
    let trial = try ImportTrial()
    let place = "Lung_cancer/Lung_cancer"
    for (number, name) in ["marked", "landmark"].enumerated() {
      try trial.image("\(place)/imgs/patient/video/\(name).png", number)
    }
    try trial.scratch.text(
      "source/\(place)/labels.json",
      """
      [{"id": "cbed49c9-81ec-45d0-b619-a12c57c1770f", "name": "Tumor"}, {"id": "x", "name": "Vocal cords"}]
      """
    )
    try trial.scratch.text("source/\(place)/objects.json", "[]")
    let points = #"[{"x": 4, "y": 3}, {"x": 20, "y": 3}, {"x": 20, "y": 13}, {"x": 4, "y": 13}]"#
    try trial.scratch.text(
      "source/\(place)/annotation.json",
      """
      [{"object_id": "marked", "label_ids": ["cbed49c9-81ec-45d0-b619-a12c57c1770f"], "data": \(points)},
       {"object_id": "landmark", "label_ids": ["x"], "data": \(points)},
       {"object_id": "gone", "label_ids": ["cbed49c9-81ec-45d0-b619-a12c57c1770f"], "data": \(points)}]
      """)
    expectFound(trial, "bm-broncholc")
    let listing = try ImportKind.named("bm-broncholc").listing(trial.source, options: ImportOptions())
    #expect(listing.items.map(\.stem) == ["marked"] && listing.items[0].group == "bm-broncholc-patient")
    guard case .shapes(let shapes, _) = listing.items[0].mask else { throw UnusableMask("no shapes") }
    let ring = [(4, 3), (20, 3), (20, 13), (4, 13)].map { LabelledShape.Point(Double($0.0), Double($0.1)) }
    #expect(shapes == [LabelledShape(label: "Tumor", form: .polygon([ring]))])
    #expect(listing.leftOut.map(\.file).contains("\(place)/imgs/patient/video/landmark.png"))
    #expect(listing.leftOut.contains { $0.file.hasSuffix("gone") && $0.reason.contains("missing") })
    var options = ImportOptions()
    options.lesions = ["Tumour"]
    let text = message { _ = try ImportKind.named("bm-broncholc").listing(trial.source, options: options) }
    #expect(text.contains("--lesions") && text.contains("Tumor, Vocal cords"), "\(text)")

    #expect(try trial.run("bm-broncholc")["s"]?.stems == ["marked"])
    let inside = (0..<ImportTrial.width * ImportTrial.height).map { pixel -> UInt8 in
      (4..<20).contains(pixel % ImportTrial.width) && (3..<13).contains(pixel / ImportTrial.width) ? 255 : 0
    }
    #expect(try trial.mask("s/masks/marked.png") == inside)
  }

  @Test("BAGLS: N_seg is the mask of N, and training and test are sites")
  func bagls() throws {
    let trial = try ImportTrial()
    for (part, number) in [("training", 0), ("training", 1), ("test", 0)] {
      try trial.pair("\(part)/\(number).png", "\(part)/\(number)_seg.png", number)
    }
    expectFound(trial, "bagls")
    let records = try trial.run("bagls")
    #expect(records.mapValues(\.stems) == ["s-training": ["0", "1"], "s-test": ["0"]])
    #expect(try trial.mask("s-training/masks/1.png") == ImportTrial.mask(1))
  }

  @Test(
    "Every kind refuses a folder without its layout, a missing one, a file and an archive, and names them")
  func refused() throws {
    let trial = try ImportTrial()
    try trial.image("odd/1.png", 1)
    try trial.scratch.text("source.zip", "PK")
    try trial.scratch.text("x.txt", "x")
    let layouts = [
      "folder", "kvasir-seg", "cvc-clinicdb", "cvc-colondb", "cvc-300", "etis", "polypgen", "bkai", "sun-seg",
      "polypdb", "bm-broncholc", "bagls",
    ]
    for kind in try layouts.map(ImportKind.named) {
      for place in ["source", "missing", "source.zip", "x.txt"] {
        let url = trial.scratch.file(place)
        let text = message { _ = try kind.listing(url, options: ImportOptions()) }
        #expect(text.contains(url.path), "\(kind.name) \(place): \(text)")
        let isClaimed = kind.reader.recognises(url)
        #expect(!isClaimed, "\(kind.name) \(place)")
      }
    }
    let text = message { _ = try ImportKind.named("kvasir") }
    #expect(text.contains("did you mean \"kvasir-seg\"?"), "\(text)")
  }
}
