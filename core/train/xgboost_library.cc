#include "core/train/xgboost_library.h"

#include <dlfcn.h>

#include <string>

#include "core/base/error.h"

namespace retraind::train::xgboost {
namespace {

constexpr const char* kFile = "libxgboost.so.0";

template <class Function>
void find(void* handle, const char* name, Function& function) {
  // POSIX promises that a pointer from dlsym converts to a function pointer.
  function = reinterpret_cast<Function>(::dlsym(handle, name));
  if (function == nullptr) {
    throw ConfigError(std::string(kFile) + " has no function " + name, "install Debian's libxgboost0");
  }
}

Library open_library() {
  void* handle = ::dlopen(kFile, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    throw ConfigError(std::string("xgboost cannot be loaded: ") + ::dlerror(), "install Debian's libxgboost0");
  }
  Library library{};
  find(handle, "XGBGetLastError", library.XGBGetLastError);
  find(handle, "XGBRegisterLogCallback", library.XGBRegisterLogCallback);
  find(handle, "XGBSetGlobalConfig", library.XGBSetGlobalConfig);
  find(handle, "XGBoostVersion", library.XGBoostVersion);
  find(handle, "XGBoosterBoostOneIter", library.XGBoosterBoostOneIter);
  find(handle, "XGBoosterCreate", library.XGBoosterCreate);
  find(handle, "XGBoosterFeatureScore", library.XGBoosterFeatureScore);
  find(handle, "XGBoosterFree", library.XGBoosterFree);
  find(handle, "XGBoosterGetNumFeature", library.XGBoosterGetNumFeature);
  find(handle, "XGBoosterLoadModelFromBuffer", library.XGBoosterLoadModelFromBuffer);
  find(handle, "XGBoosterPredictFromDMatrix", library.XGBoosterPredictFromDMatrix);
  find(handle, "XGBoosterPredictFromDense", library.XGBoosterPredictFromDense);
  find(handle, "XGBoosterSaveJsonConfig", library.XGBoosterSaveJsonConfig);
  find(handle, "XGBoosterSaveModelToBuffer", library.XGBoosterSaveModelToBuffer);
  find(handle, "XGBoosterSetParam", library.XGBoosterSetParam);
  find(handle, "XGDMatrixCreateFromDense", library.XGDMatrixCreateFromDense);
  find(handle, "XGDMatrixFree", library.XGDMatrixFree);
  find(handle, "XGDMatrixSetStrFeatureInfo", library.XGDMatrixSetStrFeatureInfo);
  find(handle, "XGProxyDMatrixCreate", library.XGProxyDMatrixCreate);
  find(handle, "XGProxyDMatrixSetDataDense", library.XGProxyDMatrixSetDataDense);
  find(handle, "XGQuantileDMatrixCreateFromCallback", library.XGQuantileDMatrixCreateFromCallback);
  return library;
}

}  // namespace

const Library& library() {
  static const Library opened = open_library();
  return opened;
}

}  // namespace retraind::train::xgboost
