// Artifacts that are files: stored and loaded a chunk at a time.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/base/sha256.h"
#include "tests/pg/registry/registry_scene.h"

namespace retraind::registry {
namespace {

using testing::complaint;

class ArtifactFilesTest : public testing::RegistryTest {
 protected:
  ArtifactFilesTest() {
    char name[] = "/tmp/retraind-files-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~ArtifactFilesTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& bytes, const std::string& name = "given") {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }
  static std::string read(const std::filesystem::path& path) {
    std::ostringstream out;
    out << std::ifstream(path, std::ios::binary).rdbuf();
    return out.str();
  }
  void store(const std::filesystem::path& path, const std::string& sha256) {
    transact([&](store::Transaction& t) { store_artifact_file(t, path, sha256, start); });
  }
  void load(const std::string& sha256, const std::filesystem::path& path) {
    transact([&](store::Transaction& t) { load_artifact_file(t, sha256, path); });
  }
  // As a disk or a person with every right could.
  void damage(const std::string& sql) { ground.exec("SET session_replication_role = replica;" + sql); }

  // Bytes that do not compress.
  static std::string noise(std::size_t size) {
    std::string bytes(size, '\0');
    std::uint32_t x = 1;
    for (char& byte : bytes) byte = static_cast<char>((x = x * 1664525U + 1013904223U) >> 24);
    return bytes;
  }
  static constexpr std::size_t kChunk = std::size_t{4} << 20;

  std::filesystem::path folder_;
};

TEST_F(ArtifactFilesTest, ComeBackToTheByteWhateverTheirLength) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, kChunk - 1, kChunk, kChunk + 1, 2 * kChunk + 612'392}) {
    const std::string bytes = noise(size);
    const std::string sha256 = to_hex(retraind::sha256(bytes));
    store(write(bytes), sha256);
    const std::filesystem::path back = folder_ / fmt::format("back-{}", size);
    load(sha256, back);
    EXPECT_TRUE(read(back) == bytes) << size;
    EXPECT_EQ(ground.text("SELECT concat_ws(' ', a.size_bytes, a.chunks = count(*)) FROM retraind.artifact a JOIN "
                          "retraind.artifact_chunk USING (sha256) WHERE sha256 = '" +
                          sha256 + "' GROUP BY a.sha256"),
              fmt::format("{} t", size));
    struct stat about {};
    ASSERT_EQ(::stat(back.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777U, 0600U) << "rows are nobody else's business";
  }
}

TEST_F(ArtifactFilesTest, AreTheSameArtifactsAsThoseOfBytes) {
  const std::string bytes = noise(kChunk + 9);
  const std::string sha256 = transact([&](store::Transaction& t) { return store_artifact(t, bytes, start); });
  store(write(bytes), sha256);
  EXPECT_EQ(count("artifact_chunk"), "2") << "stored once";
  load(sha256, folder_ / "back");
  EXPECT_TRUE(read(folder_ / "back") == bytes);
  const std::string other = noise(7);
  const std::string other_sha256 = to_hex(retraind::sha256(other));
  store(write(other), other_sha256);
  EXPECT_EQ(transact([&](store::Transaction& t) { return load_artifact(t, other_sha256); }), other);
}

TEST_F(ArtifactFilesTest, AreNotStoredUnderAnothersName) {  // invariant 4
  const std::string sha256 = to_hex(retraind::sha256(std::string_view("one")));
  EXPECT_CONTAINS(complaint<DataError>([&] { store(write("two"), sha256); }), "not " + sha256);
  EXPECT_EQ(count("artifact"), "0");
  EXPECT_EQ(count("artifact_chunk"), "0");
  store(write("one"), sha256);
  EXPECT_CONTAINS(complaint<DataError>([&] { store(write("two"), sha256); }), "not " + sha256)
      << "also when there is such an artifact already";
}

TEST_F(ArtifactFilesTest, AreRegularFiles) {
  const std::string sha256 = to_hex(retraind::sha256(std::string_view("one")));
  write("one");
  std::filesystem::create_symlink(folder_ / "given", folder_ / "link");
  EXPECT_THROW(store(folder_ / "link", sha256), std::system_error);
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_CONTAINS(complaint<DataError>([&] { store(folder_ / "pipe", sha256); }), "is no regular file");
  EXPECT_CONTAINS(complaint<DataError>([&] { store(folder_, sha256); }), "is no regular file");
  EXPECT_THROW(store(folder_ / "nowhere", sha256), std::system_error);
  EXPECT_EQ(count("artifact"), "0");
}

TEST_F(ArtifactFilesTest, ReplaceNoFileThatIsThere) {
  const std::string sha256 = to_hex(retraind::sha256(std::string_view("one")));
  store(write("one"), sha256);
  const std::filesystem::path taken = write("precious", "taken");
  EXPECT_THROW(load(sha256, taken), std::system_error);
  EXPECT_EQ(read(taken), "precious");
  std::filesystem::create_symlink(folder_ / "elsewhere", folder_ / "link");
  EXPECT_THROW(load(sha256, folder_ / "link"), std::system_error);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "elsewhere"));
}

TEST_F(ArtifactFilesTest, LeaveNothingWhenTheyAreAbsentOrDamaged) {
  const std::filesystem::path back = folder_ / "back";
  const auto refused = [&](const std::string& sha256) {
    const std::string said = complaint<DataError>([&] { load(sha256, back); });
    EXPECT_FALSE(std::filesystem::exists(back)) << said;
    return said;
  };
  EXPECT_CONTAINS(refused(std::string(64, 'a')), "is not in the registry");
  const std::string bytes = noise(2 * kChunk + 9);
  const std::string sha256 = to_hex(retraind::sha256(bytes));
  store(write(bytes), sha256);
  damage(
      "UPDATE retraind.artifact_chunk SET zstd = set_byte(zstd, 200000, get_byte(zstd, 200000) # 1) WHERE chunk = 1");
  EXPECT_CONTAINS(refused(sha256), "is damaged: its bytes have sha256");
  damage("UPDATE retraind.artifact_chunk SET zstd = substr(zstd, 1, 1000) WHERE chunk = 1");
  EXPECT_CONTAINS(refused(sha256), "chunk 1 cannot be decompressed");
  damage("UPDATE retraind.artifact_chunk SET zstd = 'not zstd' WHERE chunk = 1");
  EXPECT_CONTAINS(refused(sha256), "chunk 1 is no zstd frame of ours");
  damage("DELETE FROM retraind.artifact_chunk WHERE chunk = 1");
  EXPECT_CONTAINS(refused(sha256), "chunk 1 of 3 is missing");
}

}  // namespace
}  // namespace retraind::registry
