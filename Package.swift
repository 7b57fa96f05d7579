// swift-tools-version: 6.0
// Reads .deps/libtorch, which scripts/bootstrap puts in place; after it plain `swift build` and `swift test` work.
import PackageDescription

let libtorch = Context.packageDirectory + "/.deps/libtorch"

let package = Package(
  name: "MCDRL",
  platforms: [.macOS(.v14)],
  products: [
    .executable(name: "mcdrl", targets: ["Command"]),
    .library(name: "Torch", targets: ["Torch"]),
    .library(name: "Imaging", targets: ["Imaging"]),
    .library(name: "CLIP", targets: ["CLIP"]),
    .library(name: "MCDRL", targets: ["MCDRL"]),
    .library(name: "Datasets", targets: ["Datasets"]),
    .library(name: "Evaluation", targets: ["Evaluation"]),
    .library(name: "SyntheticEndoscopy", targets: ["SyntheticEndoscopy"]),
    .library(name: "Pretraining", targets: ["Pretraining"]),
    .library(name: "Training", targets: ["Training"]),
    .library(name: "Benchmarking", targets: ["Benchmarking"]),
  ],
  targets: [
    // Loops that no operator of libtorch has, or has as quickly; quick in debug builds, too.
    .target(name: "CKernels", cSettings: [.unsafeFlags(["-O2"])]),
    // The doors to C and C++.
    .target(
      name: "CLibTorch",
      dependencies: ["CKernels"],
      cxxSettings: [
        .unsafeFlags([
          "-isystem\(libtorch)/include",
          "-isystem\(libtorch)/include/torch/csrc/api/include",
          "-O1", "-Wno-deprecated-declarations",
        ])
      ],
      linkerSettings: [
        .unsafeFlags(["-L\(libtorch)/lib", "-Xlinker", "-rpath", "-Xlinker", "\(libtorch)/lib"]),
        .linkedLibrary("torch_cpu"), .linkedLibrary("c10"),
      ]),
    .systemLibrary(
      name: "CJPEG", pkgConfig: "libjpeg",
      providers: [.apt(["libjpeg62-turbo-dev"]), .brew(["jpeg-turbo"])]),
    .systemLibrary(
      name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
    .systemLibrary(
      name: "CTIFF", pkgConfig: "libtiff-4", providers: [.apt(["libtiff-dev"]), .brew(["libtiff"])]),
    .target(name: "CImageCodecs", dependencies: ["CJPEG", "CPNG", "CTIFF"]),

    // The rooms, lowest first; each uses only those above it in this list.
    .target(name: "Torch", dependencies: ["CLibTorch"]),
    .target(name: "Imaging", dependencies: ["CImageCodecs", "Torch"]),
    .target(name: "SyntheticEndoscopy", dependencies: ["Torch", "Imaging"]),
    .target(name: "CLIP", dependencies: ["Torch", "Imaging"]),
    .target(name: "MCDRL", dependencies: ["Torch", "CLIP"]),
    .target(name: "Datasets", dependencies: ["Torch", "Imaging"]),
    .target(name: "Evaluation", dependencies: ["Torch", "Imaging"]),
    .target(
      name: "Pretraining",
      dependencies: ["Torch", "CLIP", "MCDRL", "Datasets", "Evaluation", "SyntheticEndoscopy"]),
    .target(name: "Training", dependencies: ["Torch", "CLIP", "MCDRL", "Datasets", "Evaluation"]),
    .target(
      name: "Benchmarking",
      dependencies: [
        "Torch", "Imaging", "SyntheticEndoscopy", "CLIP", "MCDRL", "Datasets", "Evaluation", "Training",
      ]),
    .executableTarget(
      name: "Command",
      dependencies: [
        "Torch", "Imaging", "CLIP", "MCDRL", "Datasets", "Evaluation", "SyntheticEndoscopy", "Pretraining",
        "Training", "Benchmarking",
      ]),

    .target(name: "TestSupport", path: "Tests/TestSupport"),
    .testTarget(name: "TorchTests", dependencies: ["Torch"]),
    .testTarget(
      name: "ImagingTests", dependencies: ["Imaging", "TestSupport", "Torch"], exclude: ["Fixtures"]),
    .testTarget(name: "SyntheticEndoscopyTests", dependencies: ["SyntheticEndoscopy", "Imaging"]),
    .testTarget(name: "CLIPTests", dependencies: ["CLIP"], exclude: ["Fixtures"]),
    .testTarget(name: "MCDRLTests", dependencies: ["MCDRL"], exclude: ["Fixtures"]),
    .testTarget(name: "DatasetsTests", dependencies: ["Datasets"]),
    .testTarget(name: "EvaluationTests", dependencies: ["Evaluation", "TestSupport"], exclude: ["Fixtures"]),
    .testTarget(name: "PretrainingTests", dependencies: ["Pretraining"]),
    .testTarget(
      name: "TrainingTests", dependencies: ["Training", "SyntheticEndoscopy"], exclude: ["Fixtures"]),
    .testTarget(name: "BenchmarkingTests", dependencies: ["Benchmarking", "CLIP", "Torch"]),
    .testTarget(name: "CommandTests", dependencies: ["Imaging", "Torch"]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx20
)
